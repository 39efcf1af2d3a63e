package flow

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"
)

// Breaker stops calls to a side that fails, and tries it again with one call at a
// time. It is for plain clients; in a sink's path the [Limiter]'s algorithm does
// the same, so that nobody needs both.
//
// Closed, it counts the calls of Window and opens when at least MinCalls ended
// and FailureShare of them failed. Open, it refuses for a time that is uniform
// between zero and a bound, which begins at OpenMin and doubles up to OpenMax.
// Then it is half-open: one call is let through as a probe; one that does not
// come back within ProbeTimeout counts as failed, so that a lost call never
// keeps the breaker shut. Successes probes in a row close it, one failed opens
// it again. Closed again, it lets a tenth of the calls through and then more
// and more, all after Ramp: a side that just came back is not hit by everything
// at once.
//
// Failures are the verdicts [Retry] and [Overload]; [Done] and [Reject] are
// answers; [Ignore] says nothing. The zero value is ready; the fields are set
// before the first use. It is safe for concurrent use.
type Breaker struct {
	Window       time.Duration  // zero means 10 s; it moves in tenths
	MinCalls     int            // zero means 20
	FailureShare float64        // zero means 0.5
	OpenMin      time.Duration  // zero means 500 ms
	OpenMax      time.Duration  // zero means 30 s
	ProbeTimeout time.Duration  // zero means 30 s
	Successes    int            // zero means 3
	Ramp         time.Duration  // zero means 10 s
	RandFunc     func() float64 // in [0, 1); nil means math/rand

	mu      sync.Mutex
	state   breakerState
	turn    uint64    // counts changes of state and probes: what belongs to an older one is not counted
	until   time.Time // open: when it ends; half-open: when the probe is given up; closed: when the ramp ends
	probing bool
	good    int     // probes in a row
	opens   int     // times it opened since it was last fully closed
	credit  float64 // of the ramp: a call passes for each 1
	buckets [breakerBuckets]struct {
		slot       int64
		ok, failed int
	}
}

const (
	breakerBuckets = 10
	breakerFirst   = 0.1 // share at which the ramp begins; Envoy's slow start has the same
)

type breakerState uint8

const (
	breakerClosed breakerState = iota
	breakerOpen
	breakerHalfOpen
)

// Allow asks for one call at now. When err is nil the call may be made and must
// be followed by one [Breaker.Done] with the same pass; otherwise err is an
// [Overload] that wraps [ErrRefused], and [RetryAfter] tells when to ask again.
func (b *Breaker) Allow(now time.Time) (pass uint64, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.advance(now)
	switch b.state {
	case breakerOpen:
		return 0, refuseUntil("breaker is open", now, b.until)
	case breakerHalfOpen:
		if b.probing {
			return 0, refuseUntil("breaker waits for its probe", now, b.until)
		}
		b.probing = true
		b.until = now.Add(orDefault(b.ProbeTimeout, 30*time.Second))
		b.turn++
	case breakerClosed:
		if !b.ramped(now) {
			return 0, refuseUntil("breaker closes slowly", now, now)
		}
	}
	return b.turn, nil
}

// Done says how the call with that pass ended. What the breaker no longer waits for
// is ignored: a probe that was given up, a call from before it opened.
func (b *Breaker) Done(now time.Time, pass uint64, o Outcome) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.advance(now)
	if pass != b.turn || b.state == breakerHalfOpen && !b.probing {
		return
	}
	failed := o.Kind == Retry || o.Kind == Overload
	switch {
	case b.state == breakerHalfOpen && o.Kind == Ignore:
		b.probing = false
	case b.state == breakerHalfOpen && failed:
		b.open(now, o.RetryAfter)
	case b.state == breakerHalfOpen:
		b.probed(now)
	case b.state == breakerClosed && o.Kind != Ignore:
		if b.count(now, failed) {
			b.open(now, o.RetryAfter)
		}
	}
}

// Do makes one call if the breaker lets it and returns its error. It reads the
// system's clock.
func (b *Breaker) Do(ctx context.Context, op func(context.Context) error) error {
	pass, err := b.Allow(time.Now())
	if err != nil {
		return err
	}
	o := Outcome{Kind: Ignore} // of an op that panics
	defer func() { b.Done(time.Now(), pass, o) }()
	err = op(ctx)
	o = OutcomeOf(err)
	return err
}

// State returns "closed", "closing" while it lets only a share through,
// "open" or "half-open".
func (b *Breaker) State(now time.Time) string {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.advance(now)
	switch {
	case b.state == breakerOpen:
		return "open"
	case b.state == breakerHalfOpen:
		return "half-open"
	case now.Before(b.until):
		return "closing"
	}
	return "closed"
}

// advance does what time alone does.
func (b *Breaker) advance(now time.Time) {
	if b.state == breakerHalfOpen && b.probing && !now.Before(b.until) {
		b.open(b.until, 0) // from the moment it was given up, not from when somebody looked
	}
	if b.state == breakerOpen && !now.Before(b.until) {
		b.state, b.probing, b.good = breakerHalfOpen, false, 0
		b.turn++
	}
	if b.state == breakerClosed && b.opens > 0 && !now.Before(b.until) {
		b.opens = 0
	}
}

// open refuses from at on, at least for what the other side asked.
func (b *Breaker) open(at time.Time, asked time.Duration) {
	b.opens++
	back := Backoff{Base: orDefault(b.OpenMin, 500*time.Millisecond), Max: orDefault(b.OpenMax, 30*time.Second)}
	rnd := b.RandFunc
	if rnd == nil {
		rnd = rand.Float64
	}
	b.state = breakerOpen
	b.turn++
	b.until = at.Add(max(back.Delay(b.opens, rnd), min(asked, maxRetryAfter)))
}

// probed counts a probe that was answered.
func (b *Breaker) probed(now time.Time) {
	b.probing = false
	b.good++
	if b.good < orDefault(b.Successes, 3) {
		return
	}
	b.state = breakerClosed
	b.turn++
	b.until = now.Add(b.ramp())
	b.credit = 0
	clear(b.buckets[:])
}

func (b *Breaker) ramp() time.Duration { return orDefault(b.Ramp, 10*time.Second) }

// ramped reports whether this call is among the share that passes. The share is
// spread evenly over the calls, without a die.
func (b *Breaker) ramped(now time.Time) bool {
	left := b.until.Sub(now)
	if left <= 0 {
		return true
	}
	b.credit += max(1-float64(left)/float64(b.ramp()), breakerFirst)
	if b.credit < 1 {
		return false
	}
	b.credit--
	return true
}

// count adds one call to the window and reports whether that opens the breaker.
func (b *Breaker) count(now time.Time, failed bool) bool {
	width := int64(max(orDefault(b.Window, 10*time.Second)/breakerBuckets, 1))
	slot := now.UnixNano() / width
	at := &b.buckets[(slot%breakerBuckets+breakerBuckets)%breakerBuckets] // before 1970 it is negative
	if at.slot != slot {
		at.slot, at.ok, at.failed = slot, 0, 0
	}
	if failed {
		at.failed++
	} else {
		at.ok++
	}
	all, bad := 0, 0
	for _, k := range b.buckets {
		if slot-k.slot < breakerBuckets {
			all += k.ok + k.failed
			bad += k.failed
		}
	}
	return failed && all >= orDefault(b.MinCalls, 20) && float64(bad) >= orDefault(b.FailureShare, 0.5)*float64(all)
}

// refuseUntil is the error of a tool that says no until then.
func refuseUntil(why string, now, until time.Time) error {
	return Overloaded(fmt.Errorf("%s: %w", why, ErrRefused), until.Sub(now))
}
