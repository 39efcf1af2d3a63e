package flow

import (
	"context"
	"math"
	"slices"
	"sync"
	"time"
)

// Outcome is how one call ended.
type Outcome struct {
	Kind       Verdict
	Work       int           // units that took effect; of a call that is Done at least 1
	RetryAfter time.Duration // how long the other side asked to be left alone
	Quota      bool          // because a quota is used up, and not for want of room
}

// LimiterState is a limiter at one moment.
type LimiterState struct {
	Limit, InFlight, Waiting int
	Kept                     int       // places that calls keep for a moment after they failed
	HoldUntil                time.Time // zero when calls may start
	Asked                    bool      // HoldUntil is because of a Retry-After
	Reason                   string    // why the limit is what it is
	Insight
}

// Limiter bounds the calls in flight to what its [Algorithm] says. It is safe
// for concurrent use and has no goroutine of its own: slots end lazily, at the
// first event after their time, and a timer runs only while somebody waits.
//
// Two rules hold with any algorithm. A call that was refused with a Retry-After
// stops all calls for as long; then a single one goes, and if it is not refused the
// others follow at a pace. And a call that failed
// may keep its place for about the time that a call takes, so that a side which
// fails fast is not called faster than one that works.
type Limiter struct {
	now func() time.Time

	mu       sync.Mutex
	alg      Algorithm
	plan     Plan
	asked    time.Time // the floor that Retry-After set
	refused  bool      // and no call that ended later said otherwise
	probing  bool      // a call finds out
	pace     cubic
	inFlight int
	kept     []time.Time // when the places of failed calls become free
	free     time.Time   // the earliest of these
	failures uint64      // spread the time for which places are kept
	waiters  waiters
	timer    *time.Timer // nil until somebody waits
	armed    time.Time   // for when, zero while it does not run

	window   Window
	changed  time.Time     // when the integral below was brought up to date
	calls    time.Duration // place time taken
	answered time.Time     // the last answer
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
	l.changed, l.answered, l.pace.from = now, now, now
	l.start(now, now, alg.Next(now, Window{Start: now, End: now}))
	return l
}

// TryAcquire takes a permit if one is free. Every permit is given back by one
// call of [Limiter.Done].
func (l *Limiter) TryAcquire() bool {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.take(l.advance(now))
}

// Acquire waits for a permit, first come first served, and returns ctx's error
// when that ends before.
func (l *Limiter) Acquire(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	now := l.now()
	l.mu.Lock()
	now = l.advance(now)
	if l.take(now) {
		l.mu.Unlock()
		return nil
	}
	w := l.waiters.push()
	if l.waiters.len() == 1 {
		l.arm(now)
	}
	l.mu.Unlock()
	select {
	case <-w.granted:
		l.waiters.recycle(w)
		return nil
	case <-ctx.Done():
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.waiters.remove(w) {
			l.waiters.recycle(w)
			return ctx.Err()
		}
		return nil // granted at the same moment: the permit is ours to use or give back
	}
}

// Done gives a permit back and says how its call ended. A Done without a permit
// is ignored.
func (l *Limiter) Done(o Outcome) {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	now = l.advance(now)
	if l.inFlight == 0 {
		return
	}
	l.inFlight--
	l.probing = false
	if int(o.Kind) < len(l.window.Calls) {
		l.count(now, o)
		now = l.cut(now)
	}
	l.grant(now)
	if l.waiters.len() > 0 { // what ended may have set a moment that is sooner
		l.arm(now)
	}
}

// count adds an outcome to the window.
func (l *Limiter) count(now time.Time, o Outcome) {
	if o.Kind == Done {
		o.Work = max(o.Work, 1)
	}
	l.window.Work += max(o.Work, 0)
	if o.Kind != Ignore {
		l.window.Gap = max(l.window.Gap, now.Sub(l.answered))
		l.answered = now
	}
	switch {
	case o.RetryAfter > 0:
		l.window.Throttled++
		until := now.Add(min(o.RetryAfter, maxRetryAfter))
		l.pace.throttled(now, until, l.plan.Keep, o.Quota)
		if until.After(l.asked) {
			l.asked = until
		}
		l.refused = true
		return
	case o.Kind == Retry && o.Work > 0: // the other side had room
		o.Kind = Done
	}
	if o.Kind != Ignore && !now.Before(l.asked) {
		l.refused = false
	}
	l.window.Calls[o.Kind]++
	switch o.Kind {
	case Done, Reject:
		l.pace.done(now)
	case Retry, Overload:
		l.keep(now)
	case Ignore:
	}
}

// cut ends the slot before its time when all that ended in it failed and the plan
// asks for that. A slot without any length measures nothing, so it has a moment.
func (l *Limiter) cut(now time.Time) time.Time {
	w := &l.window
	failed := w.Calls[Retry] + w.Calls[Overload]
	if l.plan.EndAfter <= 0 || failed < l.plan.EndAfter || w.Served() > 0 || w.Work > 0 {
		return now
	}
	if soonest := w.Start.Add(time.Millisecond); l.plan.End.After(soonest) {
		l.plan.End = soonest
		if now.After(soonest) {
			l.plan.End = now
		}
	}
	return l.advance(now)
}

// keep leaves the place of a failed call taken for a while.
func (l *Limiter) keep(now time.Time) {
	if l.plan.Keep <= 0 {
		return
	}
	// Multiples of the golden ratio fill the range evenly, in an order that
	// parts calls which failed together.
	_, spread := math.Modf(float64(l.failures) * math.Phi)
	l.failures++
	until := now.Add(time.Duration(float64(l.plan.Keep) * (1 + spread/2)))
	if len(l.kept) == 0 || until.Before(l.free) {
		l.free = until
	}
	l.kept = append(l.kept, until)
}

// Do runs op with a permit, classifies its error and returns it.
func (l *Limiter) Do(ctx context.Context, work int, op func(context.Context) error) error {
	if err := l.Acquire(ctx); err != nil {
		return err
	}
	o := Outcome{Kind: Ignore} // of an op that panics
	defer func() { l.Done(o) }()
	err := op(ctx)
	o = OutcomeOf(err)
	if o.Kind == Done {
		o.Work = work
	}
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
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	s := LimiterState{
		Limit: l.plan.Limit, InFlight: l.inFlight, Waiting: l.waiters.len(), Kept: len(l.kept),
		Reason: l.plan.Reason, Insight: l.plan.Insight,
	}
	h := l.hold()
	if l.inFlight == 0 && len(l.kept) >= l.plan.Limit && l.free.After(h) {
		h = l.free
	}
	if h.After(now) {
		s.HoldUntil = h
		switch h {
		case l.asked:
			s.Reason, s.Asked = "retry-after", true
		case l.pace.next:
			s.Reason, s.Asked = "paced after retry-after", true
		}
	}
	return s
}

// hold is the moment before which no call starts.
func (l *Limiter) hold() time.Time {
	h := l.plan.HoldUntil
	if l.asked.After(h) {
		h = l.asked
	}
	if l.pace.next.After(h) {
		h = l.pace.next
	}
	return h
}

func (l *Limiter) may(now time.Time) bool {
	return l.inFlight+len(l.kept) < l.plan.Limit && !l.hold().After(now) && !l.probing
}

// take takes a permit unless somebody waits for it; everything must be up to date.
func (l *Limiter) take(now time.Time) bool {
	if l.waiters.len() > 0 || !l.may(now) {
		return false
	}
	l.begin(now)
	return true
}

// begin accounts for a call that starts now.
func (l *Limiter) begin(now time.Time) {
	l.inFlight++
	l.probing = l.refused
	l.pace.start(now)
}

// grant gives free permits to those who wait longest.
func (l *Limiter) grant(now time.Time) {
	for l.waiters.len() > 0 && l.may(now) {
		l.begin(now)
		l.waiters.grant()
	}
}

// arm sets the timer to when a waiter may be let go if nothing happens before.
func (l *Limiter) arm(now time.Time) {
	next := l.plan.End
	if h := l.hold(); h.After(now) && h.Before(next) {
		next = h
	}
	if len(l.kept) > 0 && l.free.Before(next) {
		next = l.free
	}
	if !l.armed.IsZero() && !next.Before(l.armed) {
		return
	}
	l.armed = next
	d := max(next.Sub(now), time.Millisecond)
	if l.timer == nil {
		l.timer = time.AfterFunc(d, l.tick)
		return
	}
	l.timer.Reset(d)
}

// tick lets slots end and holds pass while nothing else happens.
func (l *Limiter) tick() {
	now := l.now()
	l.mu.Lock()
	defer l.mu.Unlock()
	now = l.advance(now)
	l.armed = time.Time{}
	l.grant(now)
	if l.waiters.len() > 0 {
		l.arm(now)
	}
}

// advance brings everything up to now, or to the last event if that was later:
// the clock is read before the lock is taken. It returns which.
func (l *Limiter) advance(now time.Time) time.Time {
	if now.Before(l.changed) {
		return l.changed
	}
	if end := l.plan.End; !now.Before(end) {
		l.release(end)
		l.integrate(end)
		l.end(now)
	}
	l.release(now)
	l.integrate(now)
	return now
}

// integrate counts place time up to at.
func (l *Limiter) integrate(at time.Time) {
	if dt := at.Sub(l.changed); dt > 0 {
		l.calls += time.Duration(l.inFlight+len(l.kept)) * dt
		l.changed = at
	}
}

// release frees the places whose time has come by at, each at its own time.
func (l *Limiter) release(at time.Time) {
	for len(l.kept) > 0 && !l.free.After(at) {
		l.integrate(l.free)
		l.kept = slices.DeleteFunc(l.kept, func(t time.Time) bool { return !t.After(l.free) })
		if len(l.kept) > 0 {
			l.free = slices.MinFunc(l.kept, time.Time.Compare)
		}
	}
}

// end ends the slot: the algorithm sees what it measured and says what is next.
func (l *Limiter) end(now time.Time) {
	w := &l.window
	w.End = l.plan.End
	w.Gap = max(w.Gap, w.End.Sub(l.answered))
	if took := w.End.Sub(w.Start); took > 0 {
		w.InFlight = float64(l.calls) / float64(took)
	}
	l.start(w.End, now, l.alg.Next(now, *w))
}

func (l *Limiter) start(from, now time.Time, p Plan) {
	p.Limit = max(p.Limit, 1)
	if !p.End.After(now) {
		p.End = now.Add(time.Millisecond)
	}
	if p.HoldUntil.After(now) { // all places are free by then
		l.integrate(now)
		l.kept = l.kept[:0]
	}
	l.plan = p
	l.window = Window{Start: from, Limit: p.Limit}
	l.calls = 0
}
