package flowtest

import (
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"github.com/weir-kafka/weir/flow"
)

func TestScoreFormula(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ goodput, p99, want float64 }{
		{1, 1, 1},
		{0.5, 1.5, 0.5},
		{1.1, 0.7, 1.02},
		{1, 3, math.Pow(0.5, 0.33)},
		{0.8, 15, 0.8 * math.Pow(0.1, 0.33)},
		{0, 0, 0.001},
	} {
		if got := formula(tc.goodput, tc.p99); math.Abs(got-tc.want) > 1e-12 {
			t.Errorf("formula(%v, %v): got %v, want %v", tc.goodput, tc.p99, got, tc.want)
		}
	}
}

func TestSummaryIsGeometricMeanAndWorst(t *testing.T) {
	t.Parallel()
	got := NewReport([]Score{
		{Set: "named", Algorithm: "a", Score: 0.9, Amplification: 1.2},
		{Set: "named", Algorithm: "a", Score: 0.4, Amplification: 1.1, AtMinimum: 3},
		{Set: "fleet", Algorithm: "a", Score: 0.5},
	}).Sets
	a := got["named"]["a"]
	if math.Abs(a.Geomean-0.6) > 1e-12 || a.Worst != 0.4 || a.Amplification != 1.2 || a.AtMinimum != 3 || a.Scenarios != 2 {
		t.Errorf("got %+v, want geomean 0.6, worst 0.4, amplification 1.2, 3 s at the minimum", a)
	}
	if got["fleet"]["a"].Scenarios != 1 {
		t.Errorf("got %+v, want the sets apart", got)
	}
}

// The oracle knows what a queue of c servers behind a delay needs: c(1+net/mean)
// calls with constant times, and the peak of a processor that thrashes.
func TestOracleFindsTheKnee(t *testing.T) {
	t.Parallel()
	j := &Judge{}
	for _, tc := range []struct {
		about  string
		sink   Sink
		lo, hi int
	}{
		{"constant times", Sink{Phases: []Phase{{Servers: 10, Service: Dist{Shape: Constant, A: 0.020}, Net: 0.020}}}, 20, 20},
		{"one server", Sink{Phases: []Phase{{Servers: 1, Service: Dist{Shape: Constant, A: 0.020}}}}, 1, 1},
		{"thrash", Sink{Sharing: &USL{Contention: 0.02, Coherence: 0.0012}, Phases: []Phase{{Service: Dist{A: 0.040}}}}, 20, 29},
		{"black hole", Sink{Phases: []Phase{{Servers: 10, Service: Dist{A: 0.020}, Down: BlackHole}}}, 1, 1},
	} {
		o := j.Oracle(&Scenario{ID: tc.about, Seed: 1, End: 60, Sink: tc.sink})
		if n := o.Limits[0]; n < tc.lo || n > tc.hi {
			t.Errorf("%s: got %d, want %d to %d", tc.about, n, tc.lo, tc.hi)
		}
	}
}

func TestOracleSwitchesBetweenPhases(t *testing.T) {
	t.Parallel()
	at := func(start float64, n int) Phase {
		return Phase{Start: start, Servers: n, Service: Dist{Shape: Constant, A: 0.020}, Net: 0.020}
	}
	sc := Scenario{ID: "x", Seed: 1, End: 60, Sink: Sink{Phases: []Phase{at(0, 5), at(30, 20)}}}
	o := (&Judge{}).Oracle(&sc)
	if want := []int{10, 42}; o.Limits[0] != want[0] || o.Limits[1] < 37 || o.Limits[1] > want[1] {
		t.Fatalf("got limits %v, want about %v", o.Limits, want)
	}
	s := NewScore(&sc, o, o.Run)
	if s.Score != 1 || s.Recovery > 0.5 || s.StartUp > 0.5 || s.AtMinimum != 0 || s.Overshoot != 1 {
		t.Errorf("the oracle against itself: got %+v, want 1", s)
	}
}

// A limiter that is stuck at 1 while 40 calls would fit is found out.
func TestTimeAtTheMinimumIsMeasured(t *testing.T) {
	t.Parallel()
	sc := Named(1)[0]
	j := &Judge{}
	one := Limiter(func(uint64) flow.Algorithm { return flow.Fixed(1) })
	s := j.Scores([]Scenario{sc}, map[string]Maker{"one": one})[0]
	if s.AtMinimum < sc.End-1 || s.StartUp != sc.End || s.Goodput > 0.05 {
		t.Errorf("got %+v, want the whole run at the minimum", s)
	}
}

func TestGeneratorIsDeterministic(t *testing.T) {
	t.Parallel()
	if !reflect.DeepEqual(Random(9, 20), Random(9, 30)[:20]) {
		t.Error("got other sinks for the same seed")
	}
	if reflect.DeepEqual(Random(9, 1)[0].Sink, Random(10, 1)[0].Sink) {
		t.Error("got the same sink for another seed")
	}
	for _, sc := range append(Random(9, 200), Fleets(9)...) {
		for i := range sc.Sink.Phases {
			p := &sc.Sink.Phases[i]
			if sc.Set == "random" && (p.Servers < 1 || p.Servers > 256 || float64(p.Servers)/sc.Sink.mean(p) > mostCalls*1.001) {
				t.Errorf("%s: %s: out of bounds", sc.ID, sc.About)
			}
		}
	}
	if got := len(Named(1)); got != 20 {
		t.Errorf("got %d named sinks, want 20", got)
	}
}

func TestDistributionsHaveTheirMean(t *testing.T) {
	t.Parallel()
	for _, shape := range []Shape{Exp, Erlang, Constant, Pareto, Bimodal} {
		d := scaled(shape, 0.05)
		if math.Abs(d.Mean()-0.05) > 1e-9 {
			t.Errorf("%v: got mean %v, want 0.05", shape, d.Mean())
		}
		r, sum := rand.New(rand.NewPCG(1, 1)), 0.0
		const n = 200000
		for range n {
			sum += d.draw(r)
		}
		if math.Abs(sum/n-0.05) > 0.002 {
			t.Errorf("%v: drew mean %v, want 0.05", shape, sum/n)
		}
	}
}

func TestPauseStopsTheServers(t *testing.T) {
	t.Parallel()
	p := Pause{Every: 5, For: 0.4}
	for _, tc := range []struct{ at, work, want float64 }{
		{0, 1, 1}, {4.5, 0.1, 4.6}, {4.5, 0.2, 5.1}, {4.7, 0.1, 5.1}, {0, 9.2, 9.6}, {0, 9.3, 10.1},
	} {
		if got := p.finish(tc.at, tc.work); math.Abs(got-tc.want) > 1e-9 {
			t.Errorf("%v s of work at %v: got %v, want %v", tc.work, tc.at, got, tc.want)
		}
	}
}

func TestGridIsOfFortyTwoSteps(t *testing.T) {
	t.Parallel()
	for i := 1; i < len(grid); i++ {
		if grid[i] <= grid[i-1] {
			t.Errorf("got %d after %d", grid[i], grid[i-1])
		}
	}
	if grid[0] != 1 || grid[len(grid)-1] != 512 {
		t.Errorf("got %d to %d, want 1 to 512", grid[0], grid[len(grid)-1])
	}
}
