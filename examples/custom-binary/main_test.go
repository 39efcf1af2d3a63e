package main

import (
	"context"
	"strings"
	"testing"

	"github.com/weir-kafka/weir/config"
	"github.com/weir-kafka/weir/examples/internal/trial"
)

func TestFileCanNameThePartOfThisBinary(t *testing.T) {
	brokers := trial.Broker(t, "orders", "orders.masked")
	t.Setenv("BROKER", brokers[0])
	trial.Produce(t, brokers, "orders", "k", `{"amount":0}`, `{"amount":5,"card":"4111"}`)
	stop := trial.Start(t, func(ctx context.Context) error { return run(ctx, "pipeline.yaml") })
	got := trial.Read(t, brokers, "orders.masked", 1)
	stop()
	if want := `{"amount":5,"card":"***"}`; string(got[0].Value) != want {
		t.Errorf("got %s, want %s", got[0].Value, want)
	}
}

func TestMistakeInThePartIsFoundWithItsPlace(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"  - mask: {field: [card]}":  "field",
		"  - mask: {fields: []}":     "mask: fields is empty",
		"  - masc: {fields: [card]}": "did you mean mask?",
	} {
		file := "kafka: {brokers: [127.0.0.1:9092], group: g, topics: [t]}\nhandlers:\n" + text + "\nsink: {kafka: {brokers: [127.0.0.1:9092], topic: out}}\n"
		f, err := config.Parse("p.yaml", []byte(file), parts())
		if err == nil {
			_, err = f.Pipeline(nil)
		}
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), "p.yaml:3") {
			t.Errorf("got %v, want line 3 and %q", err, want)
		}
	}
}
