// Package handlertest runs a handler without a broker.
//
//	res := handlertest.Run(t, h, handlertest.Record(`{"id": 1}`, handlertest.Key("a")))
//	if res.Verdict != flow.Done || len(res.Messages) != 1 { ... }
package handlertest

import (
	"context"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/sink"
)

// RecordOption changes a record that is being made.
type RecordOption func(*handlers.Record)

// Key sets the key.
func Key(k string) RecordOption { return func(r *handlers.Record) { r.Key = []byte(k) } }

// Header adds a header.
func Header(key, value string) RecordOption {
	return func(r *handlers.Record) {
		r.Headers = append(r.Headers, handlers.Header{Key: key, Value: []byte(value)})
	}
}

// At sets the position.
func At(topic string, partition int32, offset int64) RecordOption {
	return func(r *handlers.Record) { r.Topic, r.Partition, r.Offset = topic, partition, offset }
}

// Attempt sets which attempt this is; the first is 1.
func Attempt(n int) RecordOption { return func(r *handlers.Record) { r.Attempt = n } }

// Tombstone removes the value.
func Tombstone() RecordOption { return func(r *handlers.Record) { r.Value = nil } }

// Record returns a record with the value, at topic/0/0 of the start of 2026.
func Record(value string, opts ...RecordOption) *handlers.Record {
	r := &handlers.Record{
		Topic: "topic", Value: []byte(value), Attempt: 1, Timestamp: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	for _, o := range opts {
		o(r)
	}
	return r
}

// Result is what one call of a handler did.
type Result struct {
	// Messages are copies of what was emitted, with Source set as the engine would;
	// none if the call failed, because then they are discarded.
	Messages []sink.Message
	Err      error
	Verdict  flow.Verdict
}

// Values returns the values of the messages as text.
func (r Result) Values() []string {
	var vs []string
	for _, m := range r.Messages {
		vs = append(vs, string(m.Value))
	}
	return vs
}

// Run calls h as the engine does: a panic is a reject, messages of a failed call
// are discarded, and the record's memory is overwritten after the messages were
// taken, so that a handler that keeps it is found out.
func Run(t testing.TB, h handlers.Handler, rec *handlers.Record) Result {
	t.Helper()
	given := rec.Clone()
	res, late := call(t.Context(), h, given)
	scribble(given)
	if *late {
		t.Errorf("the handler emitted after it returned")
	}
	return res
}

func call(ctx context.Context, h handlers.Handler, rec *handlers.Record) (res Result, late *bool) {
	late = new(bool)
	returned := false
	emit := func(m sink.Message) {
		if returned {
			*late = true
			return
		}
		m.Source = sink.Position{Topic: rec.Topic, Partition: rec.Partition, Offset: rec.Offset, Index: int32(len(res.Messages))}
		if m.Timestamp.IsZero() {
			m.Timestamp = rec.Timestamp
		}
		res.Messages = append(res.Messages, clone(m))
	}
	defer func() {
		if r := recover(); r != nil {
			res = Result{Err: flow.Permanent(fmt.Errorf("panic: %v\n%s", r, debug.Stack())), Verdict: flow.Reject}
		}
		returned = true
	}()
	if err := h.Handle(ctx, rec, emit); err != nil {
		return Result{Err: err, Verdict: flow.Classify(err)}, late
	}
	return res, late
}

func clone(m sink.Message) sink.Message {
	m.Key, m.Value, m.Headers = slices.Clone(m.Key), slices.Clone(m.Value), slices.Clone(m.Headers)
	for i := range m.Headers {
		m.Headers[i].Value = slices.Clone(m.Headers[i].Value)
	}
	return m
}

func scribble(r *handlers.Record) {
	for _, b := range [][]byte{r.Key, r.Value} {
		for i := range b {
			b[i] = 0xAA
		}
	}
}

// RunAll calls h for each record in turn.
func RunAll(t testing.TB, h handlers.Handler, recs ...*handlers.Record) []Result {
	t.Helper()
	out := make([]Result, len(recs))
	for i, r := range recs {
		out[i] = Run(t, h, r)
	}
	return out
}

// Concurrent calls h for all records at once, as the engine does for different
// keys; run it with the race detector.
func Concurrent(t testing.TB, h handlers.Handler, recs ...*handlers.Record) []Result {
	t.Helper()
	out := make([]Result, len(recs))
	var wg sync.WaitGroup
	for i, r := range recs {
		wg.Go(func() { out[i], _ = call(t.Context(), h, r.Clone()) })
	}
	wg.Wait()
	return out
}
