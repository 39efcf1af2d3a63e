package flowtest_test

import (
	"testing"
	"time"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/flow/flowtest"
)

func constant(servers int, mean float64) flowtest.Phase {
	return flowtest.Phase{Servers: servers, Service: flowtest.Dist{Shape: flowtest.Constant, A: mean}}
}

func one(p ...flowtest.Phase) *flowtest.Scenario {
	return &flowtest.Scenario{Seed: 1, End: 40, Sink: flowtest.Sink{Phases: p}}
}

// Ten calls wait for a server of one second and none for longer than half a
// second. The server works through those that gave up, so nearly nothing succeeds.
func TestServerKeepsWorkingOnWhatTheClientGaveUp(t *testing.T) {
	t.Parallel()
	sc := one(constant(1, 0.4))
	sc.Sink.Timeout = 0.5
	if got := flowtest.Run(sc, fixed(1)).Goodput; got < 240 || got > 255 {
		t.Errorf("one call at a time: got %.0f a second, want 250", got)
	}
	if got := flowtest.Run(sc, fixed(10)).Goodput; got > 25 {
		t.Errorf("ten calls at a time: got %.0f a second, want nearly none", got)
	}
}

func TestCapRefusesQuickly(t *testing.T) {
	t.Parallel()
	p := constant(8, 0.1)
	p.Cap = 8
	refused := 0
	r := flowtest.Run(one(p), watch(t, func(o flow.Outcome) {
		if o.Kind == flow.Overload {
			refused++
		}
	}))
	within(t, "goodput", r.Goodput, 100*8/0.1, 0.05)
	within(t, "latency of those admitted", r.P99, 0.1, 0.03)
	if refused < 1000 {
		t.Errorf("got %d refusals, want most of the calls", refused)
	}
}

func TestBlackHoleAnswersNothing(t *testing.T) {
	t.Parallel()
	hole, after := constant(8, 0.1), constant(8, 0.1)
	hole.Start, hole.Down, after.Start = 10, flowtest.BlackHole, 20
	sc := one(constant(8, 0.1), hole, after)
	sc.Sink.Timeout = 2
	r := flowtest.Run(sc, fixed(8))
	for i, b := range r.Bins {
		if at := float64(i) / 2; at >= 10 && at < 20 && b.Calls > 0 {
			t.Errorf("got %v calls at %v s, want none", b.Calls, at)
		}
	}
	if failed := r.Attempted - r.Succeeded; failed != 100*8*6 { // started just before 10, 12 .. 20 s
		t.Errorf("got %v units of work that failed, want 4800", failed)
	}
}

func TestFailedCallKeepsItsPlace(t *testing.T) {
	t.Parallel()
	sixteen := flowtest.Algorithms()["fixed-16"] // a flow.Limiter keeps places itself, when its algorithm says so
	failing := constant(8, 0.1)
	failing.Start, failing.Down = 10, flowtest.Failing
	sc := one(constant(8, 0.1), failing)
	held := flowtest.Run(sc, sixteen)
	sc.NoBackoff = true
	quick := flowtest.Run(sc, sixteen)
	perSecond := func(r *flowtest.Result) float64 { return (r.Attempted - r.Succeeded) / 100 / 30 }
	within(t, "attempts a second with backoff", perSecond(held), 16/(0.2*1.25), 0.05)
	within(t, "attempts a second without", perSecond(quick), 16/0.004, 0.05)
}

func TestFleetHasSkewedClocksAndJoinsLate(t *testing.T) {
	t.Parallel()
	sc := one(constant(8, 0.1))
	sc.Fleet = flowtest.Fleet{Instances: 6, Late: 2, LateAt: 15, Skew: 0.1}
	start := time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)
	var late, skewed int
	r := flowtest.Run(sc, func(now func() time.Time, seed uint64) flowtest.Subject {
		at := now().Sub(start).Seconds()
		if at > 14 {
			late, at = late+1, at-15
		}
		if at < -0.1 || at > 0.1 {
			t.Errorf("got a clock %.3f s off, want up to 0.1", at)
		}
		if at != 0 {
			skewed++
		}
		return fixed(2)(now, seed)
	})
	if late != 2 || skewed != 6 {
		t.Errorf("got %d late and %d skewed instances, want 2 and 6", late, skewed)
	}
	if got := r.Samples[100].Limit; got != 8 {
		t.Errorf("got %d calls allowed at 5 s, want 8", got)
	}
	if got := r.Samples[len(r.Samples)-1].Limit; got != 12 {
		t.Errorf("got %d calls allowed at the end, want 12", got)
	}
	if r.Jain < 0.95 {
		t.Errorf("got fairness %.2f of equal instances, want nearly 1", r.Jain)
	}
}

// Neighbours are open loop: they take their share whatever we do.
func TestNeighboursTakeTheirShare(t *testing.T) {
	t.Parallel()
	p := constant(10, 0.1)
	p.Foreign = 60
	r := flowtest.Run(one(p), fixed(100))
	within(t, "goodput", r.Goodput, 100*(100-60), 0.1)
}

// Not parallel: it counts allocations.
func TestSteadyStateAllocatesNothing(t *testing.T) {
	allocations := func(end float64) float64 {
		sc := one(constant(50, 0.01))
		sc.End = end
		return testing.AllocsPerRun(1, func() { flowtest.Run(sc, fixed(64)) })
	}
	if short, long := allocations(20), allocations(80); long > short+10 { // 300,000 calls more
		t.Errorf("got %v allocations in 20 s and %v in 80 s, want about as many", short, long)
	}
}
