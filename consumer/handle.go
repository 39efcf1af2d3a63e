package consumer

import (
	"context"
	"math/rand/v2"
	"runtime/debug"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/weir-kafka/weir/consumer/internal/lane"
	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/internal/crash"
	"github.com/weir-kafka/weir/sink"
)

// hand is what a worker reuses from record to record.
type hand struct {
	c    *Consumer
	emit handlers.Emit

	// Of the call in progress, and of nobody else.
	rec     handlers.Record
	emitted int32
	err     error // of emit: an unknown route
	late    bool  // the call failed after its time was up
	// tails holds, by the stage's index, the messages of the batch and behind them
	// those of the call: they become the batch's when the call has succeeded.
	tails [][]sink.Message

	// word is odd while the handler is called; it tells calls apart. Whoever
	// changes it from odd owns what stands below: the worker when the call
	// returns, or the watch when it takes the batch away from a call that hangs.
	word  atomic.Uint64
	steal sync.Mutex   // held by the watch while it does
	hung  atomic.Int64 // when the watch saw the call that hangs, in nanoseconds; 0 of a batch without
	b     *batch
	at    int   // record being handled
	kept  int64 // calls that succeeded, not yet in the totals
	extra int64 // bytes that the handler made
	lost  int64 // bytes that dead letters will make
	cut   []int // how much of tails went away with the batch

	reserved int64 // bytes that the batch is expected to become; the watch's while it is handled

	taken []lane.Taken[item] // scratch
}

func newHand(c *Consumer) *hand {
	h := &hand{c: c, tails: make([][]sink.Message, len(c.stages)), cut: make([]int, len(c.stages))}
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
	m.Source = sink.Position{Topic: h.rec.Topic, Partition: h.rec.Partition, Offset: h.rec.Offset, Index: h.emitted}
	if m.Timestamp.IsZero() {
		m.Timestamp = h.rec.Timestamp
	}
	h.tails[stage.index] = append(h.tails[stage.index], m)
	h.emitted++
}

// keep gives the messages of a call that succeeded to the batch.
func (h *hand) keep() {
	value := h.b.taken[h.at].Item.rec.Value
	for i, tail := range h.tails {
		o := &h.b.outs[i]
		for k := len(o.msgs); k < len(tail); k++ {
			o.recs = append(o.recs, int32(h.at))
			if !sameBytes(tail[k].Value, value) {
				h.extra += int64(tail[k].Size())
			}
		}
		o.msgs = tail
	}
	if h.emitted > 1 {
		h.extra += int64(h.emitted-1) * messageOverhead
	}
	st := &h.b.states[h.at]
	st.handled, st.wait = true, h.emitted
	h.kept++
}

// drop forgets the messages of a call that failed.
func (h *hand) drop() {
	for i, tail := range h.tails {
		n := len(h.b.outs[i].msgs)
		clear(tail[n:])
		h.tails[i] = tail[:n]
	}
}

// sameBytes reports whether two slices are the same memory.
func sameBytes(a, b []byte) bool {
	return len(a) == len(b) && (len(a) == 0 || &a[0] == &b[0])
}

// handle calls the handler for every record of b. When one fails, those behind
// it in its lane wait until it has been handled; the others go on. It returns
// the batch that is left to it: the watch may have taken the rest away.
func (h *hand) handle(b *batch) *batch {
	h.b, h.extra, h.lost = b, 0, 0
	for i := range h.tails {
		h.tails[i] = b.outs[i].msgs
	}
	defer h.rest()
	var timed *handlerTime
	defer func() { timed.end() }()
	for h.at = 0; h.at < len(h.b.taken); h.at++ {
		if b.part.keyed && h.at%nearby == 0 {
			h.b.touch(h.at)
		}
		h.set()
		if timed == nil || timed.used() {
			timed.end()
			timed = &handlerTime{parent: b.part.ctx, c: h.c, hung: &h.hung}
		}
		word := h.word.Load() + 1
		h.word.Store(word)
		err := h.call(timed)
		if !h.word.CompareAndSwap(word, word+1) {
			h.steal.Lock()   // until the watch has done: b and at are others now
			h.steal.Unlock() //nolint:staticcheck // nothing is guarded but the moment
			for i, tail := range h.tails {
				h.tails[i] = slices.Clone(tail[h.cut[i]:])
			}
		}
		if err == nil {
			h.keep()
		} else {
			h.drop()
			h.late = timed.passed()
			if !h.refused(err) {
				h.at = h.b.groupEnd(h.at) - 1
			}
		}
		if (h.made() > maxBatchBytes || b.part.ctx.Err() != nil) && h.at+1 < len(h.b.taken) {
			h.stopShort()
		}
	}
	return h.b
}

// made is what becomes of the batch, beside its records.
func (h *hand) made() int64 { return h.extra + h.lost }

// stopShort ends the batch with the record just handled: its partition is lost, or
// what was made of it is as large as a batch may be. The others go back to their lanes.
func (h *hand) stopShort() {
	b, next := h.b, h.at+1
	h.b = b.slice(0, next)
	h.c.settle(b.part, b.part.giveBack(b.taken[next:], b.taken[h.at].Lane, b.gen))
}

// rest lets go of what the hand had in its calls: it may wait for long.
func (h *hand) rest() {
	h.count()
	clear(h.tails)
	h.b, h.rec = nil, handlers.Record{}
}

// count adds to the totals what is not worth it at every record.
func (h *hand) count() {
	h.c.totals.kept.Add(h.kept)
	h.kept = 0
}

// buries is that of the consumer, for the handler.
func (h *hand) buries(at sink.Position, err error) bool {
	h.count()
	return h.c.buries(&h.c.rejections, at, "handler", err)
}

// nearby is how many records touch reads.
const nearby = 16

// touch reads a little of each of the records from at on. In key order they lie
// all over memory: read one after the other like this their cache misses
// overlap, which made quick handlers in key order a sixth faster.
func (b *batch) touch(at int) {
	for _, t := range b.taken[at:min(at+nearby, len(b.taken))] {
		if r := t.Item.rec; r != nil {
			b.touched += r.Offset + int64(len(r.Key)+len(r.Headers)) + int64(r.Partition)
		}
	}
}

// set prepares the call for the record at.
func (h *hand) set() {
	r := h.b.taken[h.at].Item.rec
	h.emitted, h.err = 0, nil
	rec := &h.rec // field by field: a whole one is made elsewhere and copied
	rec.Topic, rec.Partition, rec.Offset = h.b.part.topic, h.b.part.partition, r.Offset
	rec.Key, rec.Value, rec.Headers = r.Key, r.Value, nil
	rec.Timestamp, rec.Attempt = r.Timestamp, int(h.b.states[h.at].attempt)
	if len(r.Headers) > 0 {
		rec.Headers = headersOf(r)
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
	b.plain = false
	v := flow.Classify(err)
	if (v == flow.Ignore || v == flow.Overload && h.late) && p.ctx.Err() == nil {
		v = flow.Retry
	}
	hopeless := v == flow.Reject || v == flow.Retry && int(st.attempt) >= h.c.cfg.Attempts
	at := sink.Position{Topic: p.topic, Partition: p.partition, Offset: h.rec.Offset}
	if hopeless && h.buries(at, err) {
		st.handled, st.wait = true, 1
		h.c.metrics.handlerFailed(v)
		b.rejects = append(b.rejects, rejected{i, verdictOf{step: "handler", err: err, attempts: int(st.attempt)}})
		h.lost += int64(b.taken[i].Size + min(len(err.Error()), maxErrorText) + min(len(stackOf(err)), maxStackText))
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
	switch { // of one that is not kept the lane stays as it is
	case hopeless && h.c.dead == nil: // until the end
		wait = h.c.cfg.Drain
	case hopeless:
		wait = max(wait, buryAgain)
	}
	end := b.groupEnd(i)
	b.groups[st.group].redo = &redo{
		taken: append(b.taken[:0:0], b.taken[i:end]...), attempt: attempt, due: h.c.now().Add(wait),
	}
	return false
}

// dispatch hands the messages of b to their sinks. It waits while a sink's
// channel is full: that is how a slow sink holds the handlers. What was reserved for
// it is given back when what it became is counted.
func (c *Consumer) dispatchBatch(ctx context.Context, b *batch, extra, reserved int64) {
	if !b.mayGo(ctx) {
		b.undo(c.now())
	}
	if c.tenants != nil {
		c.tenants.waits(b.slot, b.messages()-len(b.taken)) // from here on they wait for sinks
	}
	for i := range b.outs {
		b.outs[i].seal()
	}
	p := b.part
	c.totals.handled.Add(int64(len(b.taken)))
	s := p.handled(b, extra)
	s.made -= reserved
	c.settle(p, s)
	crash.At(crash.Handled)
	for _, r := range b.rejects {
		c.deadLetter(b, r.record, r.why)
	}
	for i := range b.outs {
		if o := &b.outs[i]; len(o.msgs) > 0 && !o.stage.send(ctx, o) {
			c.settle(p, p.abandon(o, 0, len(o.msgs)))
		}
	}
	c.settle(p, p.dispatched(b)) // from here on b is somebody else's
}
