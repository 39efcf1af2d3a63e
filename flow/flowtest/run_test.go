package flowtest_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/flow/flowtest"
)

func fixed(n int) flowtest.Maker {
	return flowtest.Limiter(func(uint64) flow.Algorithm { return flow.Fixed(n) })
}

func within(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.Abs(got-want) > tolerance*math.Abs(want) {
		t.Errorf("%s: got %.5g, want %.5g within %.1f %%", what, got, want, 100*tolerance)
	}
}

// erlangC is the probability that a call waits in an M/M/c queue offered a
// Erlang.
func erlangC(c int, a float64) float64 {
	term, sum := 1.0, 1.0
	for k := 1; k < c; k++ {
		term *= a / float64(k)
		sum += term
	}
	last := term * a / float64(c) * float64(c) / (float64(c) - a)
	return last / (sum + last)
}

// open is a Poisson stream of calls in front of a sink that a limit of 4000
// does not bound.
func open(seed uint64, sink flowtest.Sink, rate float64) *flowtest.Result {
	sink.Phases[0].Supply = rate
	sink.Timeout = 1000
	return flowtest.Run(&flowtest.Scenario{Seed: seed, End: 2000, Sink: sink}, fixed(4000))
}

func TestOpenQueueFollowsErlangC(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		servers int
		load    float64
	}{{1, 0.5}, {4, 0.8}, {24, 0.9}} {
		const mean, net = 0.040, 0.010
		rate := tc.load * float64(tc.servers) / mean
		r := open(uint64(tc.servers), flowtest.Sink{Phases: []flowtest.Phase{
			{Servers: tc.servers, Service: flowtest.Dist{A: mean}, Net: net}}}, rate)
		wait := erlangC(tc.servers, tc.load*float64(tc.servers)) * mean / (float64(tc.servers) * (1 - tc.load))
		within(t, "mean latency", r.Mean, net+mean+wait, 0.03)
		within(t, "goodput", r.Goodput, 100*rate, 0.02)
	}
}

// A closed loop of n calls over c servers and a delay is the machine repair
// model: with exponential delay it has a product form. Ours is constant, and
// throughput hardly depends on that.
func TestClosedLoopFollowsMachineRepair(t *testing.T) {
	t.Parallel()
	const servers, mean = 24, 0.040
	for _, n := range []int{1, 12, 24, 64} {
		r := flowtest.Run(&flowtest.Scenario{Seed: 1, End: 400, Sink: flowtest.Sink{Phases: []flowtest.Phase{
			{Servers: servers, Service: flowtest.Dist{A: mean}}}}}, fixed(n))
		want := 100 * float64(min(n, servers)) / mean
		within(t, "goodput", r.Goodput, want, 0.02)
		within(t, "mean latency", r.Mean, 100*float64(n)/want, 0.02)
	}
}

// The mean latency of an M/G/1 queue with processor sharing is s/(1-load),
// whatever the distribution of service times (insensitivity).
func TestSharedProcessorIsInsensitive(t *testing.T) {
	t.Parallel()
	for _, d := range []flowtest.Dist{
		{Shape: flowtest.Exp, A: 0.02},
		{Shape: flowtest.Constant, A: 0.02},
		{Shape: flowtest.Bimodal, A: 0.01, B: 0.11, P: 0.9},
	} {
		sink := flowtest.Sink{Sharing: &flowtest.USL{Contention: 1}, Phases: []flowtest.Phase{{Service: d}}}
		r := open(3, sink, 0.6/0.02)
		within(t, d.Shape.String(), r.Mean, 0.02/(1-0.6), 0.04)
	}
}

func TestSharedProcessorThrashes(t *testing.T) {
	t.Parallel()
	goodput := func(n int) float64 {
		return flowtest.Run(&flowtest.Scenario{Seed: 1, End: 200, Sink: flowtest.Sink{
			Sharing: &flowtest.USL{Contention: 0.02, Coherence: 0.0012},
			Phases:  []flowtest.Phase{{Service: flowtest.Dist{A: 0.040}}}}}, fixed(n)).Goodput
	}
	for _, n := range []int{1, 10, 28, 100} {
		x := float64(n)
		within(t, "goodput", goodput(n), 100/0.040*x/(1+0.02*(x-1)+0.0012*x*(x-1)), 0.03)
	}
}

// A closed network of K balanced stations carries N/(N+K-1) of what its
// stations could.
func TestChainFollowsBalancedNetwork(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, 4, 16} {
		r := flowtest.Run(&flowtest.Scenario{Seed: 1, End: 800, Sink: flowtest.Sink{Stations: 4,
			Phases: []flowtest.Phase{{Servers: 1, Service: flowtest.Dist{A: 0.010}}}}}, fixed(n))
		within(t, "goodput", r.Goodput, 100/0.010*float64(n)/float64(n+3), 0.03)
	}
}

func TestLittlesLawHolds(t *testing.T) {
	t.Parallel()
	for _, sc := range flowtest.Named(5) {
		if sc.Fleet.Instances > 0 || len(sc.Sink.Phases) > 1 {
			continue
		}
		r := flowtest.Run(&sc, fixed(20))
		calls, latency := 0.0, 0.0
		for _, b := range r.Bins[20:] {
			calls, latency = calls+b.Calls, latency+b.Latency
		}
		if sc.Sink.Errors > 0 {
			continue // a failed call is in flight too
		}
		within(t, sc.ID, latency/(sc.End-10), 20, 0.02)
	}
}

func TestQuotaAdmitsItsRateAndAsksToWait(t *testing.T) {
	t.Parallel()
	sc := flowtest.Named(1)[8]
	r := flowtest.Run(&sc, watch(t, func(o flow.Outcome) {
		if o.Kind != flow.Done && o.RetryAfter != time.Second {
			t.Errorf("got Retry-After %v, want 1s", o.RetryAfter)
		}
	}))
	within(t, "goodput", r.Goodput, 100*(50*200+60*60)/110, 0.02)
}

// watch is a limit of 64 that ignores holds and shows what it is told.
func watch(t *testing.T, see func(flow.Outcome)) flowtest.Maker {
	t.Helper()
	return func(func() time.Time, uint64) flowtest.Subject { return &watcher{see: see} }
}

type watcher struct {
	inFlight int
	see      func(flow.Outcome)
}

func (w *watcher) TryAcquire() bool {
	if w.inFlight == 64 {
		return false
	}
	w.inFlight++
	return true
}
func (w *watcher) Done(o flow.Outcome, _ time.Duration) { w.inFlight--; w.see(o) }
func (w *watcher) Limit() int                           { return 64 }
func (w *watcher) HoldUntil() time.Time                 { return time.Time{} }

func everyScenario() []flowtest.Scenario {
	all := append(append(flowtest.Named(3), flowtest.Fleets(3)[18:23]...), flowtest.Random(3, 4)...)
	return slices.DeleteFunc(all, func(sc flowtest.Scenario) bool { return sc.ID == "16-bigfast" }) // only large
}

func TestTwoRunsAreEqual(t *testing.T) {
	t.Parallel()
	knee := flowtest.Limiter(func(seed uint64) flow.Algorithm {
		return flow.Knee(flow.KneeConfig{Max: 48, Seed: seed | 1})
	})
	seen := map[uint64]string{}
	all := everyScenario()
	if testing.Short() { // the race detector takes minutes for all
		all = all[:len(all)/8]
	}
	for _, sc := range all {
		a, b := flowtest.Run(&sc, knee), flowtest.Run(&sc, knee)
		if a.Hash != b.Hash {
			t.Errorf("%s: got hashes %x and %x, want one", sc.ID, a.Hash, b.Hash)
		}
		if other, twice := seen[a.Hash]; twice {
			t.Errorf("%s and %s: got one hash, want two", sc.ID, other)
		}
		seen[a.Hash] = sc.ID
	}
}

func TestEveryCallEndsOnce(t *testing.T) {
	t.Parallel()
	for _, sc := range everyScenario() {
		acquired, done := 0, 0
		r := flowtest.Run(&sc, func(now func() time.Time, seed uint64) flowtest.Subject {
			return &counter{Subject: fixed(64)(now, seed), acquired: &acquired, done: &done}
		})
		if got, want := r.Ended+r.InFlight, r.Started; got != want || acquired != want {
			t.Errorf("%s: got %d ended or in flight and %d acquired, want %d", sc.ID, got, acquired, want)
		}
		if held := acquired - done; held < r.InFlight || held > 64*max(sc.Fleet.Instances, 1) {
			t.Errorf("%s: got %d permits out, want %d and those that back off", sc.ID, held, r.InFlight)
		}
	}
}

type counter struct {
	flowtest.Subject
	acquired, done *int
}

func (c *counter) TryAcquire() bool {
	ok := c.Subject.TryAcquire()
	if ok {
		*c.acquired++
	}
	return ok
}

func (c *counter) Done(o flow.Outcome, d time.Duration) {
	*c.done++
	c.Subject.Done(o, d)
}
