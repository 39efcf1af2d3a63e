package consumer

import (
	"context"
	"math/rand/v2"
	"runtime/debug"
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
	rec  handlers.Record

	b     *batch
	at    int32 // record being handled
	index int32 // message of that record
	err   error // of emit: an unknown route
	extra int64 // bytes that the handler made
	marks []int // messages in each out before the record
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
	m.Source = sink.Position{Topic: h.b.part.topic, Partition: h.b.part.partition, Offset: h.rec.Offset, Index: h.index}
	if m.Timestamp.IsZero() {
		m.Timestamp = h.rec.Timestamp
	}
	h.index++
	o := h.b.outFor(stage)
	o.msgs = append(o.msgs, m)
	o.recs = append(o.recs, h.at)
	if !sameBytes(m.Value, h.rec.Value) {
		h.extra += int64(m.Size())
	}
}

// sameBytes reports whether two slices are the same memory.
func sameBytes(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// handle calls the handler for every record of b. When one fails, those behind
// it in its lane wait until it has been handled; the others go on.
func (h *hand) handle(b *batch) {
	h.b, h.extra = b, 0
	for i := 0; i < len(b.taken); i++ {
		h.set(b, i)
		err := h.call(b.part.ctx)
		if err == nil {
			b.states[i].handled, b.states[i].wait = true, h.index
			continue
		}
		h.discard()
		if h.refused(b, i, err) {
			continue
		}
		i = b.groupEnd(i) - 1
	}
}

// set makes record i the one that is handled.
func (h *hand) set(b *batch, i int) {
	r := b.taken[i].Item.rec
	h.at, h.index, h.err = int32(i), 0, nil
	h.rec = handlers.Record{
		Topic: b.part.topic, Partition: b.part.partition, Offset: r.Offset, Key: r.Key, Value: r.Value,
		Timestamp: r.Timestamp, Attempt: int(b.states[i].attempt),
	}
	if len(r.Headers) > 0 {
		h.rec.Headers = headersOf(r)
	}
	h.marks = h.marks[:0]
	for _, o := range b.outs {
		h.marks = append(h.marks, len(o.msgs))
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

// discard takes back the messages of a call that failed.
func (h *hand) discard() {
	for k, o := range h.b.outs {
		mark := 0
		if k < len(h.marks) {
			mark = h.marks[k]
		}
		clear(o.msgs[mark:])
		o.msgs, o.recs = o.msgs[:mark], o.recs[:mark]
	}
}

// refused decides about a record whose handler failed. It returns true when the
// records behind it may go on: it was rejected.
func (h *hand) refused(b *batch, i int, err error) bool {
	p, st := b.part, &b.states[i]
	v := flow.Classify(err)
	if v == flow.Ignore && p.ctx.Err() == nil {
		v = flow.Retry
	}
	if v == flow.Reject || v == flow.Retry && int(st.attempt) >= h.c.cfg.Attempts {
		st.handled, st.wait = true, 1
		h.c.metrics.handlerFailed(v)
		h.b.rejects = append(h.b.rejects, rejected{i, verdictOf{step: "handler", err: err, attempts: int(st.attempt)}})
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
func (h *hand) dispatch(ctx context.Context, b *batch) {
	outs, rejects := b.outs, b.rejects
	for _, o := range outs {
		o.seal()
	}
	h.c.settle(b.part, b.part.handled(b, h.extra))
	for _, r := range rejects {
		h.c.deadLetter(b, r.record, r.why)
	}
	for _, o := range outs {
		if len(o.msgs) > 0 && !o.stage.send(ctx, o) {
			h.c.settle(b.part, b.part.abandon(o, 0, len(o.msgs)))
		}
	}
}
