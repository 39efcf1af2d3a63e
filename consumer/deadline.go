package consumer

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weir-kafka/weir/flow"
)

const (
	// leastDeadline and its share of the timeout are what a write is always given:
	// one that is cut off may have taken effect, and is a duplicate when it is
	// written again. A busy sink needs more than its calm says.
	leastDeadline = time.Second
	deadlineShare = 5
)

// deadlines are what the calls of one stage are given. Between calls that must be
// waited for as long as the timeout says and calls that hang lies what is usual:
// four times the 99th percentile.
type deadlines struct {
	usual   flow.Timeout
	times   latency
	largest atomic.Int64 // messages of the largest call that succeeded
}

func (s *writeStage) setDeadline(timeout time.Duration) {
	s.timeout = timeout
	s.deadlines.usual.Min, s.deadlines.usual.Max = max(leastDeadline, timeout/deadlineShare), timeout
}

// deadline returns how long c may take. What was cut off before, and a call that
// is larger than any that is known to work, is given all the time there is.
func (s *writeStage) deadline(c *call, now time.Time) time.Duration {
	if int64(c.messages) > s.deadlines.largest.Load() {
		return s.timeout
	}
	for i := range c.spans {
		if c.spans[i].tries > 0 {
			return s.timeout
		}
	}
	return min(s.deadlines.usual.Current(now), s.timeout)
}

// learn tells how a call of so many messages went.
func (d *deadlines) learn(now time.Time, took time.Duration, v flow.Verdict, messages int) {
	d.usual.Observe(now, took, v)
	d.times.add(took)
	if v == flow.Done && int64(messages) > d.largest.Load() {
		d.largest.Store(int64(messages))
	}
}

// handlerTime is the context of handler calls, one after the other. Most calls
// are over in a moment and never ask it anything, so what a deadline takes is made
// when it is asked for first. The time counts from then, or from when the watch
// saw the call hang, if that was before.
type handlerTime struct {
	parent context.Context //nolint:containedctx // it is a context itself
	c      *Consumer
	hung   *atomic.Int64 // when the watch saw the call, 0 if it has not

	made atomic.Pointer[madeContext]
	mu   sync.Mutex // held while it is made
	over bool       // the calls have returned
}

// madeContext is the one that answers.
type madeContext struct {
	context.Context //nolint:containedctx // see above
	cancel          context.CancelFunc
	begun           time.Time
}

var _ context.Context = (*handlerTime)(nil)

func (t *handlerTime) Deadline() (time.Time, bool) { return t.get().Deadline() }
func (t *handlerTime) Done() <-chan struct{}       { return t.get().Done() }
func (t *handlerTime) Err() error                  { return t.get().Err() }

// Value answers as the made context does: so contexts made from this one are tied
// to that, without a goroutine to watch it.
func (t *handlerTime) Value(key any) any { return t.get().Value(key) }

func (t *handlerTime) get() *madeContext {
	if m := t.made.Load(); m != nil {
		return m
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if m := t.made.Load(); m != nil {
		return m
	}
	now := t.c.now()
	m := &madeContext{begun: now}
	if at := t.hung.Load(); at != 0 && !t.over {
		m.begun = time.Unix(0, at)
	}
	m.Context, m.cancel = context.WithTimeout(t.parent, t.c.cfg.HandlerTimeout-now.Sub(m.begun))
	if t.over {
		m.cancel()
	}
	t.made.Store(m)
	return m
}

// used reports whether the next call must be given another one: of this so much
// is used up that the call would not have nearly all its time.
func (t *handlerTime) used() bool {
	m := t.made.Load()
	return m != nil && (t.c.now().Sub(m.begun) > t.c.cfg.HandlerTimeout/nearby || m.Err() != nil)
}

// passed reports whether the time was up, as far as anybody asked.
func (t *handlerTime) passed() bool {
	m := t.made.Load()
	return m != nil && m.Err() != nil
}

// end says that the calls have returned: from here on the context is cancelled.
func (t *handlerTime) end() {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
	if m := t.made.Load(); m != nil {
		m.cancel()
	}
}
