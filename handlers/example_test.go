package handlers_test

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/sink"
)

func show(m sink.Message) { fmt.Printf("%s=%s\n", m.Key, m.Value) }

// One record becomes a message for each of its words.
func ExampleFunc() {
	h := handlers.Func(func(_ context.Context, rec *handlers.Record, emit handlers.Emit) error {
		for _, word := range strings.Fields(string(rec.Value)) {
			emit(sink.Message{Key: rec.Key, Value: []byte(word)})
		}
		return nil
	})
	err := h.Handle(context.Background(), &handlers.Record{Key: []byte("k"), Value: []byte("to be or not")}, show)
	fmt.Println(err)
	// Output:
	// k=to
	// k=be
	// k=or
	// k=not
	// <nil>
}

// The value arrives decoded; what does not decode is rejected.
func ExampleJSON() {
	type order struct{ Amount int }
	h := handlers.JSON(func(_ context.Context, o order, rec *handlers.Record, emit handlers.Emit) error {
		if o.Amount < 0 {
			return flow.Permanent(errors.New("a negative amount")) // to the dead letters
		}
		if o.Amount > 0 {
			emit(rec.Message())
		}
		return nil
	})
	for _, value := range []string{`{"amount": 3}`, `{"amount": 0}`, `{"amount": -1}`, `{"amount": "many"}`} {
		err := h.Handle(context.Background(), &handlers.Record{Key: []byte("k"), Value: []byte(value)}, show)
		fmt.Println(flow.Classify(err))
	}
	// Output:
	// k={"amount": 3}
	// done
	// done
	// reject
	// reject
}

// A middleware that handles tombstones itself, before a handler that knows
// none. What it emits in their place is a message like any other.
func ExampleChain() {
	deletes := func(next handlers.Handler) handlers.Handler {
		return handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
			if rec.Value == nil {
				emit(sink.Message{Key: rec.Key, Value: []byte(`{"deleted":true}`)})
				return nil
			}
			return next.Handle(ctx, rec, emit)
		})
	}
	upper := handlers.Func(func(_ context.Context, rec *handlers.Record, emit handlers.Emit) error {
		m := rec.Message()
		m.Value = []byte(strings.ToUpper(string(rec.Value)))
		emit(m)
		return nil
	})
	h := handlers.Chain(upper, deletes)
	for _, rec := range []*handlers.Record{{Key: []byte("a"), Value: []byte("x")}, {Key: []byte("a")}} {
		if err := h.Handle(context.Background(), rec, show); err != nil {
			fmt.Println(err)
		}
	}
	// Output:
	// a=X
	// a={"deleted":true}
}
