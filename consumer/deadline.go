package consumer

import (
	"context"
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
	// grace is how long a call may go on after its time is up before it is taken
	// for one that does not heed its context.
	grace = 5 * time.Second
	// mostDeaf is how many such calls give up their place to others: each still
	// holds what it was given, so the others' places stay taken.
	mostDeaf = 16
)

// deadlines are what the calls of one stage are given. Between calls that must be
// waited for as long as the timeout says and calls that hang lies what is usual:
// four times the 99th percentile.
type deadlines struct {
	usual   flow.Timeout
	times   latency
	largest atomic.Int64 // messages of the largest call that succeeded
	deaf    atomic.Int64 // calls that do not heed that their time is up
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

// The states of an overdue call.
const (
	inTime int32 = iota
	ended
	placeLost  // it is deaf, and another call has its place
	placeTaken // it is deaf, and keeps its place: too many are
)

// overdue watches one call. When its time and the grace are over and it still
// runs, that is reported and its place at the sink is given to others; the lanes
// of its messages stay with it, so that nothing overtakes them.
type overdue struct {
	state atomic.Int32
	timer *time.Timer
}

func (s *writeStage) overdue(d time.Duration) *overdue {
	o := &overdue{}
	o.timer = time.AfterFunc(d+grace, func() {
		n := s.deadlines.deaf.Add(1)
		if n > mostDeaf && o.state.CompareAndSwap(inTime, placeTaken) {
			return
		}
		if !o.state.CompareAndSwap(inTime, placeLost) {
			s.deadlines.deaf.Add(-1)
			return
		}
		s.limiter.Done(flow.Outcome{Kind: flow.Overload})
		s.c.metrics.deaf.WithLabelValues("sink " + s.name).Inc()
		s.c.log.Warn("a write goes on although its time is up; the sink does not heed its context", "sink", s.name, "after", d+grace, "such_calls", n)
	})
	return o
}

// end says that the call returned, and reports whether it still has its place.
func (o *overdue) end(s *writeStage) bool {
	o.timer.Stop()
	if o.state.CompareAndSwap(inTime, ended) {
		return true
	}
	s.deadlines.deaf.Add(-1)
	return o.state.Load() == placeTaken
}

// handlerTime is the deadline of the handler calls of one batch. It is renewed
// before a sixteenth of it is used up, so that a call has nearly all of it and
// quick calls do not pay for one each.
type handlerTime struct {
	c      *Consumer
	begun  time.Time
	cancel context.CancelFunc
	stop   func() bool // of what happens at the deadline
	timer  atomic.Pointer[time.Timer]
	state  atomic.Int32
}

// handlerContext returns the context of the next handler calls and what ends it.
func (c *Consumer) handlerContext(parent context.Context) (context.Context, *handlerTime) {
	ctx, cancel := context.WithTimeout(parent, c.cfg.HandlerTimeout)
	t := &handlerTime{c: c, begun: c.now(), cancel: cancel}
	t.stop = context.AfterFunc(ctx, func() {
		if parent.Err() == nil {
			t.timer.Store(time.AfterFunc(grace, t.deaf))
			if t.state.Load() == ended {
				t.timer.Load().Stop()
			}
		}
	})
	return ctx, t
}

// used reports whether too much of it is.
func (t *handlerTime) used() bool {
	return t.c.now().Sub(t.begun) > t.c.cfg.HandlerTimeout/nearby
}

// deaf is called when a call has not returned long after its time. Its worker is
// lost for as long as it stays away: another may take its place.
func (t *handlerTime) deaf() {
	c := t.c
	n := c.deafHandlers.Add(1)
	if n > mostDeaf && t.state.CompareAndSwap(inTime, placeTaken) {
		return
	}
	if !t.state.CompareAndSwap(inTime, placeLost) {
		c.deafHandlers.Add(-1)
		return
	}
	c.crew.replace(1)
	c.metrics.deaf.WithLabelValues("handler").Inc()
	c.log.Warn("a handler call goes on although its time is up; the handler does not heed its context", "after", c.cfg.HandlerTimeout+grace, "such_calls", n)
}

// end says that the calls have returned.
func (t *handlerTime) end() {
	if t == nil {
		return
	}
	t.stop()
	t.cancel()
	intime := t.state.CompareAndSwap(inTime, ended)
	if timer := t.timer.Load(); timer != nil {
		timer.Stop()
	}
	if intime {
		return
	}
	t.c.deafHandlers.Add(-1)
	if t.state.Load() == placeLost {
		t.c.crew.replace(-1)
	}
}

// replace allows n workers more, for as many as do not come back.
func (w *crew) replace(n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.most += n
	if w.queue.len() > 0 {
		w.staff(w.c.work)
	}
}
