package flow_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/flow/flowtest"
)

// A step of ten: from the first sink to the second at 30 s, and back at 60 s.
type step struct {
	about string
	at    [2]flowtest.Phase
}

// steps are the steps of n servers whose calls take ms milliseconds: of the
// servers, of the time that they need, and of the time on the way.
func steps(n int, ms float64) []step {
	service, way := flowtest.Dist{A: ms / 1000}, ms/5000
	sink := flowtest.Phase{Servers: n, Service: service, Net: way}
	fewer, slower, further := sink, sink, sink
	fewer.Servers, slower.Service.A = n/10, 10*service.A
	further.Net = 10*(service.A+way) - service.A
	return []step{
		{"servers", [2]flowtest.Phase{sink, fewer}},
		{"service", [2]flowtest.Phase{sink, slower}},
		{"way", [2]flowtest.Phase{sink, further}},
	}
}

// recovers returns after how many seconds of each of the two steps ten seconds
// begin in which goodput is 0.9 of the best fixed limit's, which is what all
// servers do.
func (s *step) recovers(seed uint64) (there, back float64) {
	a, b := s.at[0], s.at[1]
	b.Start = 30
	again := a
	again.Start = 60
	sc := flowtest.Scenario{ID: s.about, Seed: seed, End: 90, Sink: flowtest.Sink{Phases: []flowtest.Phase{a, b, again}}}
	r := flowtest.Run(&sc, flowtest.Limiter(func(seed uint64) flow.Algorithm {
		return flow.Knee(flow.KneeConfig{Sink: "sink", Seed: seed | 1, Max: 2048})
	}))
	return wellAfter(r.Bins[60:120], &b), wellAfter(r.Bins[120:180], &a)
}

// wellAfter is the second at which the first ten begin that are good; bins are half
// seconds. It is the length of the bins if there are none.
func wellAfter(bins []flowtest.Bin, p *flowtest.Phase) float64 {
	const window = 20
	best := 100 * float64(p.Servers) / p.Service.A
	for i := 0; i+window <= len(bins); i++ {
		work := 0.0
		for _, b := range bins[i : i+window] {
			work += b.Work
		}
		if work >= 0.9*best*window/2 {
			return float64(i) / 2
		}
	}
	return float64(len(bins)) / 2
}

// What a step of ten costs. Where a call takes 5 ms it is a few seconds, whatever
// the step; see docs/adr/0002-knee.md for slower ones, whose table -ablate prints.
func TestKneeFollowsStepsOfTen(t *testing.T) {
	if testing.Short() {
		t.Skip("simulates an hour")
	}
	t.Parallel()
	servers, takes, seeds := []int{20, 100}, []float64{5}, uint64(5)
	if *ablate {
		servers, takes = []int{20, 100, 400}, []float64{5, 20, 100}
	}
	for _, n := range servers {
		for _, ms := range takes {
			for _, s := range steps(n, ms) {
				if n == 400 && s.about == "way" {
					continue // 5,000 calls would be right
				}
				var there, back []float64
				for seed := range seeds {
					a, b := s.recovers(seed + 1)
					there, back = append(there, a), append(back, b)
				}
				slices.Sort(there)
				slices.Sort(back)
				const mid, last = 2, 4
				if *ablate {
					fmt.Printf("| %s | %d | %.0f ms | %.1f / %.1f | %.1f / %.1f |\n", s.about, n, ms, there[mid], there[last], back[mid], back[last])
				} else if there[mid] > 3 || back[mid] > 1 || back[last] > 3 {
					t.Errorf("%s of %d servers of %.0f ms: %.1f s there and %.1f s back, want 3 and 1 in the middle and no more than 3 back", s.about, n, ms, there, back)
				}
			}
		}
	}
}

// perSecond is how many calls a second succeed from second from to second to.
func perSecond(r *flowtest.Result, from, to int) float64 {
	n := 0.0
	for _, b := range r.Bins[2*from : 2*to] {
		n += b.Calls
	}
	return n / float64(to-from)
}

// Where calls take many times the base, what was measured before counts for little:
// or the limit falls until enough has been measured anew. 200 a second are possible.
func TestKneeSoonBelievesWhatItMeasuresFarFromTheBase(t *testing.T) {
	t.Parallel()
	quick := flowtest.Phase{Servers: 8, Service: flowtest.Dist{Shape: flowtest.Constant, A: 0.004}, Net: 0.001}
	slow := quick
	slow.Start, slow.Service.A = 20, 0.040
	sc := flowtest.Scenario{ID: "slower", Seed: 1, End: 30, Sink: flowtest.Sink{Phases: []flowtest.Phase{quick, slow}}}
	r := flowtest.Run(&sc, kneeWith(nil))
	if got := perSecond(r, 20, 23); got < 147 {
		t.Errorf("%.0f calls a second in the three seconds after calls became ten times slower, want 147 of 200", got)
	}
}

// A share of failures that is above the bound by chance, now and then, is below it in
// the mean, and takes nothing away.
func TestKneeIsNotMovedByAShareOfFailuresThatIsChance(t *testing.T) {
	t.Parallel()
	for seed := range uint64(4) {
		pool := flowtest.Phase{Servers: 40, Service: flowtest.Dist{A: 0.02}, Net: 0.001}
		sc := flowtest.Scenario{ID: "fifth", Seed: seed, End: 60, Sink: flowtest.Sink{Errors: 0.2, Phases: []flowtest.Phase{pool}}}
		r := flowtest.Run(&sc, kneeWith(nil))
		if got := perSecond(r, 20, 60); got < 0.8*0.8*2000 {
			t.Errorf("seed %d: %.0f calls a second succeed where one in five fails, want 0.8 of 1,600", seed, got)
		}
	}
}
