package consumer

import (
	"context"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/sink"
)

// hand is what a worker reuses from record to record.
type hand struct {
	c    *Consumer
	emit handlers.Emit

	// Of the call in progress, and of nobody else.
	rec     handlers.Record
	emitted []emitted
	err     error // of emit: an unknown route

	// word is odd while the handler is called; it tells calls apart. Whoever
	// changes it from odd owns what stands below: the worker when the call
	// returns, or the watch when it takes the batch away from a call that hangs.
	word  atomic.Uint64
	steal sync.Mutex // held by the watch while it does
	b     *batch
	at    int   // record being handled
	extra int64 // bytes that the handler made

	seen uint64 // word at the last look; of the watch
}

// emitted is a message on its way to a stage.
type emitted struct {
	stage *writeStage
	msg   sink.Message
}

func newHand(c *Consumer) *hand {
	h := &hand{c: c}
	h.emit = h.take
	return h
}

// take is the Emit of the record being handled.
func (h *hand) take(m sink.Message) {
	stage := h.c.main
	if m.Route != "" {
		if stage = h.c.routes[m.Route]; stage == nil {
			h.err = flow.Permanent(&RouteError{Route: m.Route})
			return
		}
	}
	m.Source = sink.Position{Topic: h.rec.Topic, Partition: h.rec.Partition, Offset: h.rec.Offset, Index: int32(len(h.emitted))}
	if m.Timestamp.IsZero() {
		m.Timestamp = h.rec.Timestamp
	}
	h.emitted = append(h.emitted, emitted{stage, m})
}

// keep moves the messages of a call that succeeded to the batch.
func (h *hand) keep() {
	for i := range h.emitted {
		e := &h.emitted[i]
		o := h.b.outFor(e.stage)
		o.msgs = append(o.msgs, e.msg)
		o.recs = append(o.recs, int32(h.at))
		if !sameBytes(e.msg.Value, h.b.taken[h.at].Item.rec.Value) {
			h.extra += int64(e.msg.Size())
		}
	}
	st := &h.b.states[h.at]
	st.handled, st.wait = true, int32(len(h.emitted))
}

// sameBytes reports whether two slices are the same memory.
func sameBytes(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// handle calls the handler for every record of b. When one fails, those behind
// it in its lane wait until it has been handled; the others go on. It returns
// the batch that is left to it: the watch may have taken the rest away.
func (h *hand) handle(b *batch) *batch {
	h.b, h.extra = b, 0
	for h.at = 0; h.at < len(h.b.taken); h.at++ {
		h.set()
		ctx, word := h.b.part.ctx, h.word.Load()+1
		h.word.Store(word)
		err := h.call(ctx)
		if !h.word.CompareAndSwap(word, word+1) {
			h.steal.Lock()   // until the watch has done: b and at are others now
			h.steal.Unlock() //nolint:staticcheck // nothing is guarded but the moment
		}
		switch {
		case err == nil:
			h.keep()
		case !h.refused(err):
			h.at = h.b.groupEnd(h.at) - 1
		}
	}
	return h.b
}

// set prepares the call for the record at.
func (h *hand) set() {
	r := h.b.taken[h.at].Item.rec
	clear(h.emitted)
	h.emitted, h.err = h.emitted[:0], nil
	h.rec = handlers.Record{
		Topic: h.b.part.topic, Partition: h.b.part.partition, Offset: r.Offset, Key: r.Key, Value: r.Value,
		Timestamp: r.Timestamp, Attempt: int(h.b.states[h.at].attempt),
	}
	if len(r.Headers) > 0 {
		h.rec.Headers = headersOf(r)
	}
}

func headersOf(r *kgo.Record) []sink.Header {
	hs := make([]sink.Header, len(r.Headers))
	for i, kh := range r.Headers {
		hs[i] = sink.Header(kh)
	}
	return hs
}

// call runs the handler; a panic is a reject with its stack.
func (h *hand) call(ctx context.Context) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = flow.Permanent(&PanicError{Value: r, Stack: debug.Stack()})
		}
	}()
	if err := h.c.handler.Handle(ctx, &h.rec, h.emit); err != nil {
		return err
	}
	return h.err
}

// refused decides about a record whose handler failed. It returns true when the
// records behind it may go on: it was rejected.
func (h *hand) refused(err error) bool {
	b, i := h.b, h.at
	p, st := b.part, &b.states[i]
	v := flow.Classify(err)
	if v == flow.Ignore && p.ctx.Err() == nil {
		v = flow.Retry
	}
	if v == flow.Reject || v == flow.Retry && int(st.attempt) >= h.c.cfg.Attempts {
		st.handled, st.wait = true, 1
		h.c.metrics.handlerFailed(v)
		b.rejects = append(b.rejects, rejected{i, verdictOf{step: "handler", err: err, attempts: int(st.attempt)}})
		return true
	}
	h.c.metrics.handlerFailed(v)
	h.c.totals.retried.Add(1)
	attempt := st.attempt
	if v == flow.Retry {
		attempt++
	}
	wait := max(h.c.backoff.Delay(int(st.attempt), rand.Float64), flow.RetryAfter(err))
	if v == flow.Overload {
		wait = max(wait, 50*time.Millisecond)
	}
	end := b.groupEnd(i)
	b.groups[st.group].redo = &redo{
		taken: append(b.taken[:0:0], b.taken[i:end]...), attempt: attempt, due: h.c.now().Add(wait),
	}
	return false
}

// dispatch hands the messages of b to their sinks. It waits while a sink's
// channel is full: that is how a slow sink holds the handlers.
func (c *Consumer) dispatchBatch(ctx context.Context, b *batch, extra int64) {
	if !b.mayGo(ctx) {
		b.undo(c.now())
	}
	outs, rejects := b.outs, b.rejects
	for _, o := range outs {
		o.seal()
	}
	c.settle(b.part, b.part.handled(b, extra))
	for _, r := range rejects {
		c.deadLetter(b, r.record, r.why)
	}
	for _, o := range outs {
		if len(o.msgs) > 0 && !o.stage.send(ctx, o) {
			c.settle(b.part, b.part.abandon(o, 0, len(o.msgs)))
		}
	}
}
