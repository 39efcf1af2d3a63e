package flow

import (
	"context"
	"sync"
	"time"
)

// Outcome is how one call ended.
type Outcome struct {
	Kind       Verdict
	Work       int           // units the call carried, counted when it is Done
	RetryAfter time.Duration // how long the other side asked to be left alone
}

// LimiterState is a limiter at one moment.
type LimiterState struct {
	Limit, InFlight, Waiting int
	HoldUntil                time.Time // zero when calls may start
	Reason                   string    // why the limit is what it is
}

// Limiter bounds the calls in flight to what its [Algorithm] says. It is safe
// for concurrent use and has no goroutine of its own: slots end lazily, at the
// first event after their time.
type Limiter struct {
	now func() time.Time

	mu       sync.Mutex
	alg      Algorithm
	plan     Plan
	asked    time.Time // the floor that Retry-After set
	inFlight int
	waiters  waiters

	window   Window
	changed  time.Time // when the integrals below were brought up to date
	calls    float64   // call seconds in flight
	fullTime time.Duration
}

// LimiterOption sets a live thing of a limiter.
type LimiterOption func(*Limiter)

// WithNow sets the clock. It must not run backwards by more than a slot.
func WithNow(now func() time.Time) LimiterOption { return func(l *Limiter) { l.now = now } }

// NewLimiter returns a limiter driven by alg, which no other limiter may share.
func NewLimiter(alg Algorithm, opts ...LimiterOption) *Limiter {
	l := &Limiter{alg: alg, now: time.Now}
	for _, o := range opts {
		o(l)
	}
	now := l.now()
	l.start(now, alg.Next(now, Window{Start: now, End: now}))
	return l
}

// TryAcquire takes a permit if one is free. Every permit is given back by one
// call of [Limiter.Done].
func (l *Limiter) TryAcquire() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	l.advance(now)
	if l.waiters.len() > 0 || !l.free(now) {
		return false
	}
	l.take()
	return true
}

// Acquire waits for a permit, first come first served, and returns ctx's error
// when that ends before.
func (l *Limiter) Acquire(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	l.mu.Lock()
	now := l.now()
	l.advance(now)
	if l.waiters.len() == 0 && l.free(now) {
		l.take()
		l.mu.Unlock()
		return nil
	}
	w := l.waiters.push()
	next := l.nextEvent(now)
	l.mu.Unlock()
	return l.wait(ctx, w, next)
}

// wait sleeps until w is granted. The timer lets a slot end, and a hold pass,
// while nothing else happens.
func (l *Limiter) wait(ctx context.Context, w *waiter, next time.Duration) error {
	timer := time.NewTimer(next)
	defer timer.Stop()
	for {
		select {
		case <-w.granted:
			return nil
		case <-ctx.Done():
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.waiters.remove(w) {
				return ctx.Err()
			}
			return nil // granted at the same moment: the permit is ours to use or give back
		case <-timer.C:
			l.mu.Lock()
			now := l.now()
			l.advance(now)
			l.grant(now)
			timer.Reset(l.nextEvent(now))
			l.mu.Unlock()
		}
	}
}

// Done gives a permit back and says how its call ended. A Done without a permit
// is ignored.
func (l *Limiter) Done(o Outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	if l.inFlight == 0 {
		return
	}
	l.integrate(now)
	l.inFlight--
	if int(o.Kind) < len(l.window.Calls) {
		l.window.Calls[o.Kind]++
	}
	if o.Kind == Done {
		l.window.Work += o.Work
	}
	if after := min(o.RetryAfter, maxRetryAfter); after > 0 {
		l.window.RetryAfter = max(l.window.RetryAfter, after)
		if until := now.Add(after); until.After(l.asked) {
			l.asked = until
		}
	}
	l.advance(now)
	l.grant(now)
}

// Do runs op with a permit, classifies its error and returns it.
func (l *Limiter) Do(ctx context.Context, work int, op func(context.Context) error) error {
	if err := l.Acquire(ctx); err != nil {
		return err
	}
	o := Outcome{Kind: Ignore} // of an op that panics
	defer func() { l.Done(o) }()
	err := op(ctx)
	o = Outcome{Kind: Classify(err), Work: work, RetryAfter: RetryAfter(err)}
	return err
}

// Limit returns how many calls may be in flight.
func (l *Limiter) Limit() int { return l.Snapshot().Limit }

// InFlight returns how many permits are taken.
func (l *Limiter) InFlight() int { return l.Snapshot().InFlight }

// HoldUntil returns the moment before which no call starts, zero when calls may.
func (l *Limiter) HoldUntil() time.Time { return l.Snapshot().HoldUntil }

// Snapshot returns the state now.
func (l *Limiter) Snapshot() LimiterState {
	l.mu.Lock()
	defer l.mu.Unlock()
	now := l.now()
	s := LimiterState{Limit: l.plan.Limit, InFlight: l.inFlight, Waiting: l.waiters.len(), Reason: l.plan.Reason}
	if h := l.hold(); h.After(now) {
		s.HoldUntil = h
		if l.asked.After(now) && !l.plan.HoldUntil.After(l.asked) {
			s.Reason = "retry-after"
		}
	}
	return s
}

func (l *Limiter) hold() time.Time {
	if l.asked.After(l.plan.HoldUntil) {
		return l.asked
	}
	return l.plan.HoldUntil
}

func (l *Limiter) free(now time.Time) bool {
	return l.inFlight < l.plan.Limit && !l.hold().After(now)
}

// take needs the integrals up to date: advance does that.
func (l *Limiter) take() { l.inFlight++ }

// grant gives free permits to those who wait longest.
func (l *Limiter) grant(now time.Time) {
	for l.waiters.len() > 0 && l.free(now) {
		l.take()
		close(l.waiters.pop().granted)
	}
}

// nextEvent is when a waiter must look again if nothing happens before.
func (l *Limiter) nextEvent(now time.Time) time.Duration {
	next := l.plan.End
	if h := l.hold(); h.After(now) && h.Before(next) {
		next = h
	}
	return max(next.Sub(now), time.Millisecond)
}

// integrate brings the time integrals up to now.
func (l *Limiter) integrate(now time.Time) {
	dt := now.Sub(l.changed)
	if dt <= 0 {
		return
	}
	l.changed = now
	l.calls += float64(l.inFlight) * dt.Seconds()
	if l.inFlight >= l.plan.Limit {
		l.fullTime += dt
	}
}

// advance ends the slot if its time has come.
func (l *Limiter) advance(now time.Time) {
	l.integrate(now)
	if now.Before(l.plan.End) {
		return
	}
	l.window.End = now
	if took := now.Sub(l.window.Start); took > 0 {
		l.window.InFlight = l.calls / took.Seconds()
		l.window.Full = float64(l.fullTime) / float64(took)
	}
	l.start(now, l.alg.Next(now, l.window))
}

func (l *Limiter) start(now time.Time, p Plan) {
	p.Limit = max(p.Limit, 1)
	if !p.End.After(now) {
		p.End = now.Add(time.Millisecond)
	}
	l.plan = p
	l.window = Window{Start: now, Limit: p.Limit}
	l.changed, l.calls, l.fullTime = now, 0, 0
}
