package flow_test

import (
	"math"
	"testing"
	"time"

	"github.com/weir-kafka/weir/flow"
)

// trace drives a limiter by what fuzzing made up, and checks after every event
// what must always hold.
type trace struct {
	t        *testing.T
	now      time.Time
	min, max int
	l, twin  *flow.Limiter // of the same seed, told the same
	asked    time.Time     // the last Retry-After
	seen     time.Time     // the latest time the limiters were told: a clock that is set back does not undo it
	inFlight int
}

func newTrace(t *testing.T, lowest, most int) *trace {
	tr := &trace{t: t, now: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC), min: lowest, max: most}
	cfg := flow.KneeConfig{Sink: "fuzz", Min: lowest, Max: most, Seed: 7}
	clock := flow.WithNow(func() time.Time { return tr.now })
	tr.l, tr.twin = flow.NewLimiter(flow.Knee(cfg), clock), flow.NewLimiter(flow.Knee(cfg), clock)
	return tr
}

// step makes one event of a code and an argument.
func (tr *trace) step(code, arg byte) {
	switch code % 10 {
	case 0, 1, 2:
		tr.acquire()
	case 3:
		tr.now = tr.now.Add(time.Duration(arg) * time.Millisecond)
	case 4:
		tr.now = tr.now.Add(time.Duration(arg) * time.Duration(arg) * 5 * time.Millisecond)
	case 5:
		tr.now = tr.now.Add(-time.Duration(arg) * 100 * time.Microsecond) // clocks are set back a little
	case 6:
		tr.done(flow.Outcome{Kind: flow.Verdict(arg % 7), Work: int(arg) - 10})
	case 7:
		if arg%16 == 0 {
			after := time.Duration(arg) * 50 * time.Millisecond
			if tr.inFlight > 0 && after > 0 {
				tr.asked = later(tr.asked, tr.now.Add(after))
			}
			tr.done(flow.Outcome{Kind: flow.Overload, RetryAfter: after})
			return
		}
		fallthrough
	default:
		tr.done(flow.Outcome{Work: int(arg)})
	}
	tr.check()
}

func (tr *trace) acquire() bool {
	tr.seen = later(tr.seen, tr.now)
	before := tr.l.Snapshot()
	got := tr.l.TryAcquire()
	if twin := tr.twin.TryAcquire(); twin != got {
		tr.t.Fatal("the same trace had another result")
	}
	if !got {
		return false
	}
	tr.inFlight++
	// Looking may end a slot, so that a higher limit is in force than before.
	after := tr.l.Snapshot()
	if after.InFlight+after.Kept > after.Limit {
		tr.t.Fatalf("%d in flight and %d places kept at a limit of %d", after.InFlight, after.Kept, after.Limit)
	}
	if tr.seen.Before(tr.asked) {
		tr.t.Fatalf("a call started %s before Retry-After was over", tr.asked.Sub(tr.seen))
	}
	if open(after) && open(before) && before.InFlight > 0 { // a place that was kept may be free by now
		tr.t.Fatalf("a second probe: %+v", after)
	}
	return true
}

func open(s flow.LimiterState) bool { return s.Reason == "all calls fail" || s.Reason == "probing" }

func (tr *trace) done(o flow.Outcome) {
	tr.seen = later(tr.seen, tr.now)
	tr.l.Done(o)
	tr.twin.Done(o)
	tr.inFlight = max(tr.inFlight-1, 0)
}

func (tr *trace) check() {
	tr.t.Helper()
	s := tr.l.Snapshot()
	if twin := tr.twin.Snapshot(); twin != s {
		tr.t.Fatalf("not deterministic: %+v and %+v", s, twin)
	}
	if s.InFlight != tr.inFlight {
		tr.t.Fatalf("%d in flight, want %d", s.InFlight, tr.inFlight)
	}
	if s.Limit > tr.max || s.Limit < 1 || s.Limit < tr.min && !open(s) && s.HoldUntil.IsZero() {
		tr.t.Fatalf("limit %d, want %d to %d: %+v", s.Limit, tr.min, tr.max, s)
	}
	for _, x := range []float64{s.Elasticity, s.Stretch, float64(s.Base)} {
		if math.IsNaN(x) || math.IsInf(x, 0) || x < -0.5 {
			tr.t.Fatalf("%+v", s)
		}
	}
	if hold := s.HoldUntil.Sub(tr.now); hold > 5*time.Minute+time.Minute {
		tr.t.Fatalf("held for %s", hold)
	}
}

// recover lets a good sink answer, and wants the limit to leave the ground.
func (tr *trace) recover() {
	for tr.inFlight > 0 {
		tr.done(flow.Outcome{Kind: flow.Ignore})
	}
	end := tr.now.Add(20 * time.Minute)
	for tr.now.Before(end) {
		tr.now = tr.now.Add(10 * time.Millisecond)
		for tr.inFlight > 0 {
			tr.done(flow.Outcome{Work: 1})
		}
		for tr.acquire() {
		}
		if s := tr.l.Snapshot(); s.Limit >= min(2, tr.max) && !open(s) && s.HoldUntil.IsZero() {
			return
		}
	}
	tr.t.Fatalf("a good sink and still: %+v", tr.l.Snapshot())
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

func FuzzKnee(f *testing.F) {
	f.Add(uint8(0), uint8(40), []byte{0, 0, 3, 20, 8, 1, 0, 0, 3, 30, 9, 1})
	f.Add(uint8(0), uint8(0), []byte{0, 0, 6, 1, 0, 0, 6, 2, 4, 20, 0, 0, 6, 1, 4, 40})
	f.Add(uint8(3), uint8(60), []byte{0, 0, 0, 0, 7, 16, 3, 3, 0, 0, 4, 30, 0, 0, 7, 32, 5, 200})
	f.Fuzz(func(t *testing.T, lowest, more uint8, events []byte) {
		if len(events) > 4096 {
			return
		}
		tr := newTrace(t, int(lowest)+1, int(lowest)+1+int(more))
		for i := 0; i+1 < len(events); i += 2 {
			tr.step(events[i], events[i+1])
		}
		tr.recover()
	})
}
