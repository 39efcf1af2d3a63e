// Package handlertest runs a handler without a broker.
//
//	res := handlertest.Run(t, h, handlertest.Record(`{"id": 1}`, handlertest.Key("a")))
//	if got, want := res.String(), `done a={"id": 1}`; got != want {
//		t.Errorf("got %s, want %s", got, want)
//	}
//
// It calls the handler as the engine does and holds it to what a handler
// promises: it fails the test when a handler changes the record, changes what it
// emitted, or emits after it returned, and it overwrites the record's memory
// after the call, so that a handler that kept some of it reads rubbish.
//
// It uses no clock. In a bubble of testing/synctest a handler that waits, or has
// a timeout, is tested in no time; [RunContext] gives it the context that ends.
package handlertest

import (
	"bytes"
	"context"
	"fmt"
	"reflect"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/sink"
)

// Run calls h for rec with the context of the test.
func Run(t testing.TB, h handlers.Handler, rec *handlers.Record) Result {
	t.Helper()
	return RunContext(t.Context(), t, h, rec)
}

// RunContext calls h for rec with ctx, which ends when the engine wants the
// record back.
func RunContext(ctx context.Context, t testing.TB, h handlers.Handler, rec *handlers.Record) Result {
	t.Helper()
	c := newCall(rec)
	res := c.run(ctx, t, h)
	c.inspect(t)
	c.overwrite()
	return res
}

// RunAll calls h for each record in turn. The memory of a record is overwritten
// once the next one is handled, which finds a handler that emits from a buffer
// it uses again.
func RunAll(t testing.TB, h handlers.Handler, recs ...*handlers.Record) []Result {
	t.Helper()
	out := make([]Result, len(recs))
	var last *call
	for i, rec := range recs {
		c := newCall(rec)
		out[i] = c.run(t.Context(), t, h)
		last.inspect(t)
		last.overwrite()
		last = c
	}
	last.inspect(t)
	last.overwrite()
	return out
}

// Concurrent calls h for all records at once, as the engine does for different
// keys; run it with the race detector.
func Concurrent(t testing.TB, h handlers.Handler, recs ...*handlers.Record) []Result {
	t.Helper()
	out, calls := make([]Result, len(recs)), make([]*call, len(recs))
	var wg sync.WaitGroup
	for i, rec := range recs {
		calls[i] = newCall(rec)
		wg.Go(func() { out[i] = calls[i].run(t.Context(), t, h) })
	}
	wg.Wait()
	for _, c := range calls {
		c.inspect(t)
		c.overwrite()
	}
	return out
}

// call is one call of a handler.
type call struct {
	orig     *handlers.Record // what it should still be
	rec      *handlers.Record // what the handler is given
	mem      handlers.Record  // the memory of rec, whatever the handler makes of rec
	emitted  []sink.Message   // as the handler emitted them
	copies   []sink.Message   // what they were then
	returned atomic.Bool
}

func newCall(rec *handlers.Record) *call {
	c := &call{orig: rec.Clone(), rec: rec.Clone()}
	c.mem = *c.rec
	return c
}

// run calls the handler and judges it as the engine does.
func (c *call) run(ctx context.Context, t testing.TB, h handlers.Handler) (res Result) {
	t.Helper()
	defer c.returned.Store(true)
	defer func() {
		if r := recover(); r != nil {
			res = Result{Err: flow.Permanent(fmt.Errorf("panic: %v\n%s", r, debug.Stack())), Verdict: flow.Reject}
		}
	}()
	err := h.Handle(ctx, c.rec, func(m sink.Message) { c.emit(t, m) })
	if err == nil {
		return Result{Messages: c.copies}
	}
	v := flow.Classify(err)
	if v == flow.Ignore && ctx.Err() == nil { // it was not this context that was cancelled
		v = flow.Retry
	}
	return Result{Err: err, Verdict: v}
}

func (c *call) emit(t testing.TB, m sink.Message) {
	if c.returned.Load() {
		t.Errorf("the handler emitted after it returned, for %s", c.where())
		return
	}
	m.Source = sink.Position{Topic: c.orig.Topic, Partition: c.orig.Partition, Offset: c.orig.Offset, Index: int32(len(c.copies))}
	if m.Timestamp.IsZero() {
		m.Timestamp = c.orig.Timestamp
	}
	c.emitted = append(c.emitted, m)
	c.copies = append(c.copies, copyOf(m))
}

// inspect fails the test if the handler changed what it may not.
func (c *call) inspect(t testing.TB) {
	if c == nil {
		return
	}
	t.Helper()
	if !reflect.DeepEqual(c.orig, c.rec) {
		t.Errorf("the handler changed the record %s; copy the struct and set the fields of the copy", c.where())
	}
	for i := range c.emitted {
		if !reflect.DeepEqual(c.emitted[i], c.copies[i]) {
			t.Errorf("the handler changed message %d of %s after it had emitted it", i, c.where())
		}
	}
}

func (c *call) where() string {
	return fmt.Sprintf("%s/%d/%d", c.orig.Topic, c.orig.Partition, c.orig.Offset)
}

// overwrite does to the record what the engine does: its memory is another's.
func (c *call) overwrite() {
	if c == nil {
		return
	}
	bufs := [][]byte{c.mem.Key, c.mem.Value}
	for _, h := range c.mem.Headers {
		bufs = append(bufs, h.Value)
	}
	for _, b := range bufs {
		for i := range b {
			b[i] = 0xAA
		}
	}
	clear(c.mem.Headers)
	*c.rec = handlers.Record{Topic: "overwritten", Partition: -1, Offset: -1}
}

func copyOf(m sink.Message) sink.Message {
	m.Key, m.Value, m.Headers = bytes.Clone(m.Key), bytes.Clone(m.Value), slices.Clone(m.Headers)
	for i := range m.Headers {
		m.Headers[i].Value = bytes.Clone(m.Headers[i].Value)
	}
	return m
}
