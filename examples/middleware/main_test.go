package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weir-kafka/weir/examples/internal/trial"
	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/handlers/handlertest"
)

func TestCopiesCarryTheHeader(t *testing.T) {
	t.Parallel()
	brokers := trial.Broker(t, "in", "out")
	trial.Produce(t, brokers, "in", "k", "one", "two")
	stop := trial.Start(t, func(ctx context.Context) error { return run(ctx, handlers.Pass, brokers...) })
	got := trial.Read(t, brokers, "out", 2)
	stop()
	for i, want := range []string{"one", "two"} {
		r := got[i]
		if string(r.Value) != want || string(r.Key) != "k" || len(r.Headers) != 1 || string(r.Headers[0].Value) != "weir" {
			t.Errorf("got %s=%s %v, want k=%s and a header", r.Key, r.Value, r.Headers, want)
		}
	}
}

// Two seconds pass in no time.
func TestCallThatTakesTooLongIsOverload(t *testing.T) {
	t.Parallel()
	slow := handlers.Func(func(ctx context.Context, _ *handlers.Record, _ handlers.Emit) error {
		<-ctx.Done()
		return ctx.Err()
	})
	synctest.Test(t, func(t *testing.T) {
		res := handlertest.Run(t, handlers.Chain(slow, within(2*time.Second)), handlertest.Record("v"))
		if res.Verdict != flow.Overload {
			t.Errorf("got %s, want %s", res, flow.Overload)
		}
	})
}

func TestStampLeavesTheRecordAlone(t *testing.T) {
	t.Parallel()
	h := handlers.Chain(handlers.Pass, stamp("a", "1"), stamp("b", "2"))
	res := handlertest.Run(t, h, handlertest.Record("v", handlertest.Header("own", "0")))
	if len(res.Messages) != 1 || len(res.Messages[0].Headers) != 3 {
		t.Errorf("got %+v, want three headers", res.Messages)
	}
}
