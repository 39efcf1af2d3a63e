package flow

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"sync"
	"time"
)

// ErrAbandoned is in the chain of the error of a call that [Timeout.Do] left
// behind. The call goes on: it may still take effect, and whatever it was given
// is still in its hands.
var ErrAbandoned = errors.New("call left behind: it does not heed its context")

// Timeout is a deadline that follows the calls: Factor times the 99th
// percentile of those that succeeded, within Min and Max. It is computed anew
// every Period; before it has seen 100 calls it is Max. Failed calls say
// nothing about how long success takes, so they are not counted; but when more
// calls ran out of time than succeeded, the deadline may itself be the reason,
// and it is Max again.
//
// A call that does not return although its context ended keeps its caller, and
// the permit its caller holds, for ever. With Grace, Do returns without it when
// that has passed, with an error that wraps [ErrAbandoned] and is an
// [Overload], or [Ignore] when the caller's own context was cancelled, and the
// call runs on in its own goroutine until it ends, which LateFunc is told.
// Nothing can end it from outside. That costs three promises, which is why
// Grace must be asked for:
//
//   - Memory. The abandoned call still reads, perhaps writes, what it was given.
//     What it uses must be given back by op itself as it returns, and not by the
//     caller when Do returns. A batch whose buffers are used again after Do
//     returned is corrupted.
//   - Effects. It may take effect at any time later: after the retry of the same
//     work, and after newer work. A retry is a duplicate then, and the old value
//     may overwrite the new one. Where order counts, the lane stays busy until op
//     itself is over, which op can tell as it returns; only the permit is free
//     before.
//   - Bound. Each abandoned call is a goroutine with all it holds. When MaxLate
//     of them run at the same time, Do refuses further calls until one ends, with
//     [ErrRefused]: a side on which so many calls hang is down. Those already
//     under way may still come on top.
//
// The zero value is ready; the fields are set before the first use. It is safe
// for concurrent use.
type Timeout struct {
	Min      time.Duration                       // zero means 1 s
	Max      time.Duration                       // zero means 30 s
	Factor   float64                             // zero means 4
	Period   time.Duration                       // zero means 1 min
	Grace    time.Duration                       // zero means to wait for op however long it takes
	MaxLate  int                                 // zero means 16
	LateFunc func(err error, took time.Duration) // how an abandoned call ended, in its goroutine; nil means nobody is told

	mu       sync.Mutex
	seen     histogram // since the deadline was computed last
	before   histogram // what it was computed from then, but for the older half
	good     int       // calls of this period that succeeded
	timeouts int       // and that ran out of time
	current  time.Duration
	until    time.Time // end of the period
	late     int
}

const timeoutEnough = 100 // calls without which a 99th percentile means little

// Current returns the deadline of a call that starts at now.
func (t *Timeout) Current(now time.Time) time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.advance(now)
	return t.current
}

// Observe tells how a call ended that took latency. Only [Done] and [Overload],
// which a deadline that passed is, count.
func (t *Timeout) Observe(now time.Time, latency time.Duration, v Verdict) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.advance(now)
	switch {
	case v == Done:
		t.seen.add(latency)
		t.good++
	case v == Overload && latency >= t.current:
		t.timeouts++
	}
}

// Late returns how many abandoned calls still run.
func (t *Timeout) Late() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.late
}

// Do runs op as [Deadline] does, with the current deadline, and observes it.
// With Grace see [Timeout] for what op must do itself; a panic of op is then an
// error that is a [Reject] and holds the stack.
func (t *Timeout) Do(ctx context.Context, op func(context.Context) error) error {
	begin := time.Now()
	d := t.Current(begin)
	run := op
	if t.Grace > 0 {
		if t.Late() >= orDefault(t.MaxLate, 16) {
			return refuseUntil("too many calls do not return", begin, begin.Add(t.Grace))
		}
		run = func(ctx context.Context) error { return t.leave(ctx, begin, op) }
	}
	v := Ignore // of an op that panics
	defer func() {
		end := time.Now()
		t.Observe(end, end.Sub(begin), v)
	}()
	err := Deadline(ctx, d, run)
	v = Classify(err)
	return err
}

// abandonable is one call that runs in a goroutine of its own. Whichever comes
// first under the Timeout's lock decides: the call ended, or it was left.
type abandonable struct {
	ended chan error
	over  bool
	left  bool
}

// leave runs op and waits for it no longer than Grace after ctx ended.
func (t *Timeout) leave(ctx context.Context, begin time.Time, op func(context.Context) error) error {
	a := &abandonable{ended: make(chan error, 1)}
	go func() {
		err := errors.New("op ended its goroutine") // by runtime.Goexit, as t.FailNow does
		defer func() {
			if p := recover(); p != nil {
				err = Permanent(fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
			}
			t.end(a, begin, err)
		}()
		err = op(ctx)
	}()
	select {
	case err := <-a.ended:
		return err
	case <-ctx.Done():
	}
	grace := time.NewTimer(t.Grace)
	defer grace.Stop()
	select {
	case err := <-a.ended:
		return err
	case <-grace.C:
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if a.over {
		return <-a.ended
	}
	a.left = true
	t.late++
	return fmt.Errorf("%s after its context ended: %w: %w", t.Grace, ErrAbandoned, ctx.Err())
}

// end hands the result to who waits, or to LateFunc when nobody does any more.
func (t *Timeout) end(a *abandonable, begin time.Time, err error) {
	t.mu.Lock()
	a.over = true
	if a.left {
		t.late--
	}
	left := a.left
	t.mu.Unlock()
	if !left {
		a.ended <- err
		return
	}
	if t.LateFunc != nil {
		t.LateFunc(err, time.Since(begin))
	}
}

// advance computes the deadline anew when the period is over.
func (t *Timeout) advance(now time.Time) {
	most := orDefault(t.Max, 30*time.Second)
	if t.current == 0 {
		t.current = most
	}
	if t.until.IsZero() {
		t.until = now.Add(t.period())
	}
	if now.Before(t.until) {
		return
	}
	t.until = now.Add(t.period())
	if t.timeouts > t.good {
		t.current = most
		t.seen, t.before = histogram{}, histogram{} // they are of another time
	} else if all := t.seen.with(&t.before); all.total >= timeoutEnough {
		d := time.Duration(orDefault(t.Factor, 4) * float64(all.quantile(0.99)))
		t.current = min(max(d, orDefault(t.Min, time.Second)), most)
		t.seen, t.before = histogram{}, t.seen
	}
	t.good, t.timeouts = 0, 0
}

func (t *Timeout) period() time.Duration { return orDefault(t.Period, time.Minute) }
