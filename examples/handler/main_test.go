package main

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"

	"github.com/weir-kafka/weir/examples/internal/trial"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/handlers/handlertest"
	sinkhttp "github.com/weir-kafka/weir/sink/http"
	"github.com/weir-kafka/weir/sink/kafka"
)

func TestPaidOrdersArriveAndTheBrokenOneIsADeadLetter(t *testing.T) {
	t.Parallel()
	arrived := make(chan string, 10)
	api := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		arrived <- string(body)
	}))
	defer api.Close()
	brokers := trial.Broker(t, "orders", "orders.dead")
	cfg := sinkhttp.DefaultConfig()
	cfg.URL = api.URL
	to, err := sinkhttp.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer to.Close()
	dead, err := kafka.New(kafka.Config{Brokers: brokers, Topic: "orders.dead"})
	if err != nil {
		t.Fatal(err)
	}
	defer dead.Close()
	trial.Produce(t, brokers, "orders", "k", `{"id":1,"amount":5}`, `{"id":2,"amount":0}`, `{"id":3,"amount":"many"}`, `{"id":4,"amount":7}`)
	stop := trial.Start(t, func(ctx context.Context) error { return run(ctx, to, dead, brokers...) })
	for _, want := range []string{`{"id":1,"amount":5}`, `{"id":4,"amount":7}`} {
		if got := <-arrived; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	if got := trial.Read(t, brokers, "orders.dead", 1); string(got[0].Value) != `{"id":3,"amount":"many"}` {
		t.Errorf("got dead letter %s, want the order without a number", got[0].Value)
	}
	stop()
	if len(arrived) > 0 {
		t.Errorf("got %s too", <-arrived)
	}
}

// The same handler without a broker.
func TestUnpaidOrderIsDropped(t *testing.T) {
	t.Parallel()
	res := handlertest.Run(t, handlers.JSON(paid), handlertest.Record(`{"id":2,"amount":0}`))
	if got, want := res.String(), "done"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestReadmeShowsThisProgram(t *testing.T) {
	t.Parallel()
	readme, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile("main.go")
	if err != nil {
		t.Fatal(err)
	}
	_, code, _ := strings.Cut(string(readme), "```go\n")
	code, _, found := strings.Cut(code, "```")
	if !found || !strings.Contains(string(program), code) {
		t.Errorf("the first Go code of README.md is not a part of main.go:\n%s", code)
	}
}
