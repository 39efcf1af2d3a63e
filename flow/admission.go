package flow

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// AdmissionConfig says what a server takes. Zero fields mean the defaults.
type AdmissionConfig struct {
	Limiter  *Limiter         // requests at work; defaults to an adaptive one
	Waiting  int              // requests that may wait for their turn; defaults to 1024, less than zero means none
	Interval time.Duration    // how long one may wait; defaults to 100 ms
	Target   time.Duration    // how long under overload; defaults to a quarter of the time a request takes, at least 5 ms
	Shedder  *Shedder         // who is turned away first; defaults to one of five classes
	Quotas   *Quotas          // what each tenant may ask for; nil means no limit
	CPU      *CPULoad         // defaults to this process
	Memory   *MemoryLoad      // defaults to this process
	NowFunc  func() time.Time // defaults to time.Now
}

// doorTarget is the elasticity that a door holds: with 0.23 the 99th percentile of
// eight workers of 80 ms is at twice the unloaded one.
const doorTarget = 0.4

// Visit is what a door wants to know of a request.
type Visit struct {
	Level  int    // from [Admission.Level] or from who called; the lower, the more important
	Tenant string // whose quota it uses
}

// Admission is the door of a server. It turns away first what is over its
// tenant's quota, then what is least important while there is too much ([Shedder],
// driven by the wait at this door, the processor and the memory). It lets in
// as many requests as its limiter allows, lets a bounded number wait for a
// short while, newest first when some have waited for long (see [Queue]), and
// refuses the rest. A refusal says when to come again, and has cost the request
// no more than a look at its head.
//
// The door is under overload from when a request waits in vain until for ten times
// Interval nobody has had to wait, or nobody has in vain while the shedder admitted all.
// Under overload the shedder decides, the classes above the one that it cuts are
// served first, and the others wait no longer than Target. (After Maurer, "Fail at
// Scale", ACM Queue, 2015, with two differences. There, one empty moment of the
// queue ends the overload: behind a shedder, which leaves little more than there is
// room for, those are so many that the queue would grow to Interval again and
// again. And 5 ms is right where a request takes some milliseconds: where it takes
// a hundred, nobody would notice them, and room would stay unused. Once there is
// room the shedder does not decide: it takes a minute and a half to forget a
// tenfold load.)
//
// It has no goroutine and is safe for concurrent use.
type Admission struct {
	limiter  *Limiter
	shedder  *Shedder
	quotas   *Quotas
	cpu      *CPULoad
	memory   *MemoryLoad
	interval time.Duration
	target   time.Duration
	now      func() time.Time
	refused  atomic.Int64
	ended    atomic.Int64
	pace     pace

	mu      sync.Mutex      // held from asking who is next until that one has its permit
	urgent  Queue[*visitor] // those who may wait for long under overload, served first
	queue   Queue[*visitor]
	noQueue bool
	timer   *time.Timer // runs while somebody waits
	armed   bool
	over    bool      // under overload
	pressed time.Time // when somebody last had to wait
	vain    time.Time // and when in vain
}

// visitor is a request that waits. The door's mu guards its state.
type visitor struct {
	state visitorState
	told  chan struct{} // closed when the state is final
	wait  time.Duration // the most
}

type visitorState uint8

const (
	visitorWaits visitorState = iota
	visitorIn
	visitorOut
)

// RefusedError is the refusal of a request by an overloaded server, or of a
// tenant whose quota is used up. It is an [ErrRefused].
type RefusedError struct {
	Reason     string        // a short fixed phrase
	RetryAfter time.Duration // whole seconds, at least one, with jitter
	Quota      bool          // the tenant asked for too much, whatever room there is
}

// Error says why and for how long.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("%s; come again after %s", e.Reason, e.RetryAfter)
}

// Unwrap makes it an [ErrRefused].
func (e *RefusedError) Unwrap() error { return ErrRefused }

// NewAdmission returns a door.
func NewAdmission(cfg AdmissionConfig) *Admission {
	if cfg.NowFunc == nil {
		cfg.NowFunc = time.Now
	}
	if cfg.Limiter == nil {
		cfg.Limiter = NewLimiter(Knee(KneeConfig{Target: doorTarget}), WithNow(cfg.NowFunc))
	}
	if cfg.Shedder == nil {
		cfg.Shedder = new(Shedder)
	}
	if cfg.CPU == nil {
		cfg.CPU = new(CPULoad)
	}
	if cfg.Memory == nil {
		cfg.Memory = new(MemoryLoad)
	}
	a := &Admission{
		limiter: cfg.Limiter, shedder: cfg.Shedder, quotas: cfg.Quotas, cpu: cfg.CPU, memory: cfg.Memory,
		interval: orDefault(cfg.Interval, 100*time.Millisecond), target: cfg.Target,
		now: cfg.NowFunc, noQueue: cfg.Waiting < 0,
	}
	for _, q := range []*Queue[*visitor]{&a.urgent, &a.queue} {
		q.MaxItems, q.Adaptive, q.NowFunc = cfg.Waiting, true, a.now
		q.Interval, q.Target = a.interval, a.interval // how long each may wait is decided here
		q.GoneFunc = func(v *visitor) bool { return v.state != visitorWaits }
		q.DropFunc = func(v *visitor) { v.end(visitorOut) }
	}
	return a
}

// Level returns the level of a request of class, 0 being the most important, in
// the name of tenant: see [Shedder.Level].
func (a *Admission) Level(class int, tenant string) int {
	return a.shedder.Level(a.now(), class, tenant)
}

// Enter lets a request in, which every nil answer must follow with one
// [Admission.Exit]. It returns a [RefusedError] when there is no room for it, and
// ctx's error when that ended before it was in.
func (a *Admission) Enter(ctx context.Context, v Visit) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	now := a.now()
	if a.quotas != nil {
		if wait, ok := a.quotas.Take(now, v.Tenant); !ok {
			return a.refuse("quota used up", wait, true)
		}
	}
	short, over := a.press(now), a.overloaded(now)
	if !a.shedder.Admit(now, v.Level) && (short || over) {
		return a.refuse("overloaded: shed by priority", a.standing(now), false)
	}
	w, reason := a.knock(now, v.Level)
	switch {
	case reason != "":
		a.shedder.Observe(a.hopeless())
		return a.refuse(reason, a.standing(now), false)
	case w == nil:
		a.shedder.Observe(0)
		return nil
	}
	return a.await(ctx, w, now)
}

// press tells the shedder how the process is, and returns whether it is short of
// something. At the first level of memory only new work for itself is too much,
// not what a server is asked for.
func (a *Admission) press(now time.Time) bool {
	all := a.shedder.classCount()
	classes := all
	switch a.memory.Level(now) {
	case 2:
		classes = (all + 1) / 2
	case 3:
		classes = 1
	}
	busy := a.cpu.Busy(now)
	a.shedder.Press(busy, classes)
	return busy || classes < all
}

// overloaded reports whether the door is under overload.
func (a *Admission) overloaded(now time.Time) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	since := now.Add(-10 * a.interval)
	if a.over && (a.pressed.Before(since) || a.vain.Before(since) && a.shedder.Cut()+1 == a.shedder.classCount()*shedLevels) {
		a.over = false
	}
	return a.over
}

// hopeless counts as the wait of a request that waited in vain: so long that one
// in five is too many for the shedder. It takes over from the queue, which knows
// nothing of importance, but leaves it enough that no room stays unused.
func (a *Admission) hopeless() time.Duration {
	return 5 * orDefault(a.shedder.Delay, 20*time.Millisecond)
}

// knock takes a permit or a place in the queue, or says why there is neither.
func (a *Admission) knock(now time.Time, level int) (w *visitor, reason string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.queued() == 0 && a.limiter.TryAcquire() {
		return nil, ""
	}
	if a.noQueue {
		return nil, "overloaded: no room"
	}
	w = &visitor{told: make(chan struct{}), wait: a.interval}
	q := &a.queue
	switch {
	case !a.over:
	case level < a.patient():
		q = &a.urgent
	default:
		w.wait = a.shortWait(now)
	}
	if !q.TryPush(w) {
		a.over, a.pressed, a.vain = true, now, now
		return nil, "overloaded: queue full"
	}
	a.call()
	if w.state == visitorWaits {
		a.pressed = now
	}
	return w, ""
}

// patient returns the level below which the wait is Interval under overload: that of
// the class which is cut, as its requests are too many anyway.
func (a *Admission) patient() int {
	class := (a.shedder.Cut() + 1) / shedLevels
	if class == a.shedder.classCount() { // none is, yet
		class = 1
	}
	return class * shedLevels
}

// shortWait is the wait under overload. How long a request takes is, by Little's
// law, how many are at work over how many end.
func (a *Admission) shortWait(now time.Time) time.Duration {
	if a.target > 0 {
		return a.target
	}
	takes := float64(a.limiter.InFlight()) / max(a.pace.perSecond(now), 1) * float64(time.Second)
	return min(max(time.Duration(takes/4), 5*time.Millisecond), a.interval)
}

// await waits for the turn of w, which came at since.
func (a *Admission) await(ctx context.Context, w *visitor, since time.Time) error {
	timer := time.NewTimer(w.wait)
	defer timer.Stop()
	select {
	case <-w.told:
	case <-timer.C:
	case <-ctx.Done():
	}
	a.mu.Lock()
	w.end(visitorOut)
	in, gone := w.state == visitorIn, ctx.Err()
	if in && gone != nil { // called in at the moment it left: the permit is for another
		a.limiter.Done(Outcome{Kind: Ignore})
		a.call()
	}
	now := a.now()
	if !in && gone == nil {
		a.over, a.vain = true, now
	}
	a.mu.Unlock()
	if in || gone != nil {
		a.shedder.Observe(now.Sub(since))
		return gone
	}
	a.shedder.Observe(a.hopeless())
	return a.refuse("overloaded: waited too long", a.standing(now), false)
}

// end makes the state final; the first one counts.
func (w *visitor) end(s visitorState) {
	if w.state == visitorWaits {
		w.state = s
		close(w.told)
	}
}

// call lets in those whose turn it is, as far as there is room. A limiter may
// have room again without any request having left, because a hold passed or its
// limit rose, so it is asked again as long as somebody waits. It needs mu.
func (a *Admission) call() {
	for a.queued() > 0 && a.limiter.TryAcquire() {
		w, ok := a.urgent.TryPop()
		if !ok {
			w, ok = a.queue.TryPop()
		}
		if !ok { // who was there had left
			a.limiter.Done(Outcome{Kind: Ignore})
			return
		}
		w.end(visitorIn)
	}
	switch {
	case a.queued() == 0 || a.armed:
		return
	case a.timer == nil:
		a.timer = time.AfterFunc(lookEvery, a.look)
	default:
		a.timer.Reset(lookEvery)
	}
	a.armed = true
}

// lookEvery is how often the limiter is asked while somebody waits.
const lookEvery = 5 * time.Millisecond

// look is the timer's.
func (a *Admission) look() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.armed = false
	a.call()
}

// Exit says how a request ended that was let in.
func (a *Admission) Exit(o Outcome) {
	a.limiter.Done(o)
	a.ended.Add(1)
	a.pace.add(a.now())
	a.mu.Lock()
	defer a.mu.Unlock()
	a.call()
}

// standing is how long those who are here will take, so that a long queue is not
// met again by those it turned away.
func (a *Admission) standing(now time.Time) time.Duration {
	here := float64(a.limiter.InFlight() + a.queued())
	return time.Duration(here / max(a.pace.perSecond(now), 1) * float64(time.Second))
}

// refuse counts a refusal and makes its error.
func (a *Admission) refuse(reason string, wait time.Duration, quota bool) error {
	a.refused.Add(1)
	after, _ := ParseRetryAfter(FormatRetryAfter(wait, rand.Float64), time.Time{})
	return &RefusedError{Reason: reason, RetryAfter: after, Quota: quota}
}

// queued returns how many wait, with those who left a moment ago.
func (a *Admission) queued() int {
	urgent, _ := a.urgent.Len()
	others, _ := a.queue.Len()
	return urgent + others
}

// AdmissionState is a door at one moment. From two of them come the share that is
// refused, of what was refused and what ended between them, and the mean time of a
// request, which is those at work over those that end in a second (Little's law).
type AdmissionState struct {
	LimiterState
	Queued  int   // requests that wait
	Refused int64 // requests refused since the start
	Ended   int64 // requests that were let in and have ended since the start
	Cut     int   // the last level that is admitted in full, -1 when none is
	Busy    bool  // there is too little processor: see [CPULoad]
	Memory  int   // how near the memory limit is, 0 to 3: see [MemoryLoad]
}

// Snapshot returns the state now.
func (a *Admission) Snapshot() AdmissionState {
	now := a.now()
	return AdmissionState{
		LimiterState: a.limiter.Snapshot(), Queued: a.queued(), Refused: a.refused.Load(), Ended: a.ended.Load(),
		Cut: a.shedder.Cut(), Busy: a.cpu.Busy(now), Memory: a.memory.Level(now),
	}
}
