package flowtest

import "math"

// grid is the limits that the oracle tries: all up to 12, then 12 % apart.
//
//nolint:gochecknoglobals // a constant that Go cannot spell
var grid = [42]int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 14, 16, 18, 20, 23, 26, 29, 33, 37,
	42, 47, 53, 60, 68, 76, 86, 97, 109, 123, 139, 156, 176, 198, 223, 251, 283, 318, 358, 430, 512}

// enough is the share of the best goodput with which the oracle is content.
const enough = 0.97

// Oracle is what the best fixed limits of a scenario achieve.
type Oracle struct {
	Limits  []int     // by phase: the smallest with 97 % of the best goodput
	Goodput []float64 // of it, by phase, in the steady state
	Mean    []float64 // latency
	Run     *Result   // of one instance that switches between the limits at once
}

// knee is the best fixed limit of a phase that never ends.
type knee struct {
	limit         int
	goodput, mean float64
}

// newOracle lets one instance run through sc with the limits that find names.
func newOracle(sc *Scenario, find func(*Scenario) knee) *Oracle {
	o := &Oracle{}
	var starts []float64
	for i := range sc.Sink.Phases {
		alone := steady(sc, i)
		k := find(&alone)
		o.Limits, o.Goodput, o.Mean = append(o.Limits, k.limit), append(o.Goodput, k.goodput), append(o.Mean, k.mean)
		starts = append(starts, sc.Sink.Phases[i].Start)
	}
	alone := *sc
	alone.Fleet = Fleet{}
	o.Run = Run(&alone, plannedMaker(starts, o.Limits))
	return o
}

// findKnee tries the grid.
func findKnee(sc *Scenario) knee {
	var runs [len(grid)]*Result
	best := 0.0
	for k, n := range grid {
		s := newSim(sc, fixedMaker(n), nil)
		s.most, s.every = mostEnded, 1 // a fixed limit needs no look between completions
		runs[k] = s.run()
		best = max(best, runs[k].Goodput)
	}
	if best == 0 {
		return knee{limit: grid[0]}
	}
	for k, r := range runs {
		if r.Goodput >= enough*best {
			return knee{grid[k], r.Goodput, r.Mean}
		}
	}
	return knee{limit: grid[0]} // not reached: the best has enough
}

// mostEnded ends a run of the grid that sees mostly refusals, once it is well
// warmed up.
const mostEnded = 20000

// steady is phase i by itself, long enough for some thousand calls and, where
// the sink is quick, for a few pauses. Neighbours that nobody limits make a
// queue forget slowly: they need longer. The seed is a constant, so that
// phases which are alike have one knee.
func steady(sc *Scenario, i int) Scenario {
	const calls, shortest, longest = 8000, 6, 400
	p := sc.Sink.Phases[i]
	p.Start = 0
	if p.NetTo != 0 {
		p.Net, p.NetTo = math.Round((p.Net+p.NetTo)/2*1e6)/1e6, 0
	}
	rate := float64(p.Servers) / sc.Sink.mean(&p)
	if u := sc.Sink.Sharing; u != nil {
		rate = u.speed(int(math.Sqrt((1-u.Contention)/max(u.Coherence, 1e-3)))) / p.Service.Mean()
	}
	if p.Quota.PerSecond > 0 {
		rate = p.Quota.PerSecond
	}
	if p.Supply > 0 {
		rate = p.Supply
	}
	alone := Scenario{Seed: 1, Sink: sc.Sink, NoBackoff: sc.NoBackoff}
	alone.Sink.Phases = []Phase{p}
	alone.End = min(max(calls/rate, shortest), longest)
	if p.Foreign > 0 {
		alone.End = 100
	}
	alone.End = max(alone.End, 5*sc.Sink.Pause.Every)
	return alone
}
