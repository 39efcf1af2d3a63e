package flowtest

import (
	"math"
	"slices"
)

// Score is the verdict on one run.
type Score struct {
	Scenario  string `json:"scenario"`
	Set       string `json:"set"`
	Algorithm string `json:"algorithm"`

	Score         float64 `json:"score"`
	Goodput       float64 `json:"goodput"`       // ratio to the oracle's after 10 s
	P99           float64 `json:"p99"`           // ratio to the oracle's, of calls that succeeded
	Mean          float64 `json:"mean"`          // likewise
	Recovery      float64 `json:"recovery"`      // longest time to be well again after a phase change, seconds
	StartUp       float64 `json:"start_up"`      // time to 88 % of the oracle's goodput, seconds
	Overshoot     float64 `json:"overshoot"`     // 95th percentile of the limit over the oracle's
	Amplification float64 `json:"amplification"` // attempted over succeeded work
	AtMinimum     float64 `json:"at_minimum"`    // longest stay at a limit of 1 while the oracle is at 4 or more, seconds
	Jain          float64 `json:"jain"`          // fairness between instances
}

const (
	wellGoodput = 0.88 // of the oracle's, in a window of 3 s
	wellLatency = 1.6  // times the oracle's mean
	wellWindow  = 3.0
)

// NewScore compares r, a run of sc, with the oracle.
func NewScore(sc *Scenario, o *Oracle, r *Result) Score {
	s := Score{
		Scenario: sc.ID, Set: sc.Set,
		Goodput: ratio(r.Goodput, o.Run.Goodput),
		P99:     ratio(r.P99, o.Run.P99),
		Mean:    ratio(r.Mean, o.Run.Mean),
		Jain:    r.Jain,
	}
	s.Amplification = ratio(r.Attempted, r.Succeeded)
	s.Score = formula(s.Goodput, s.P99)
	s.StartUp = well(sc, o, r, 0, math.Inf(1))
	for i := 1; i < len(sc.Sink.Phases); i++ {
		if o.Goodput[i] > 0 {
			s.Recovery = max(s.Recovery, well(sc, o, r, i, wellLatency))
		}
	}
	s.limits(sc, o, r)
	return s
}

// formula is min(G,1.02) times a penalty for latency beyond 1.5 times the
// oracle's. It is at least 0.001, so that a geometric mean survives a limiter that
// stopped altogether.
func formula(goodput, p99 float64) float64 {
	penalty := 1.0
	if p99 > 1.5 {
		penalty = math.Pow(1.5/p99, 0.33)
	}
	return max(min(goodput, 1.02)*penalty, 0.001)
}

func ratio(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

// well is how long after the beginning of phase i a window of 3 s begins in
// which goodput and mean latency are near the oracle's; the length of the phase
// if none does.
func well(sc *Scenario, o *Oracle, r *Result, i int, slack float64) float64 {
	from := int(sc.Sink.Phases[i].Start / binSeconds)
	until := min(int(sc.until(i)/binSeconds), len(r.Bins))
	const window = int(wellWindow / binSeconds)
	for k := from; k+window <= until; k++ {
		var sum Bin
		for _, b := range r.Bins[k : k+window] {
			sum.Work += b.Work
			sum.Latency += b.Latency
			sum.Calls += b.Calls
		}
		if sum.Work/wellWindow >= wellGoodput*o.Goodput[i] && sum.Latency <= slack*o.Mean[i]*sum.Calls {
			return float64(k-from) * binSeconds
		}
	}
	return sc.until(i) - sc.Sink.Phases[i].Start
}

// limits fills in what the trace of the limit says.
func (s *Score) limits(sc *Scenario, o *Oracle, r *Result) {
	const every = tick * sampleTick
	var over []float64
	phase, stay, n := 0, 0.0, float64(sc.Fleet.size())
	for i, sm := range r.Samples {
		t := float64(i) * every
		for phase+1 < len(sc.Sink.Phases) && t >= sc.Sink.Phases[phase+1].Start {
			phase++
		}
		best := float64(o.Limits[phase])
		over = append(over, float64(sm.Limit)/best)
		if float64(sm.Limit) <= n && best >= 4*n {
			stay += every
		} else {
			stay = 0
		}
		s.AtMinimum = max(s.AtMinimum, stay)
	}
	slices.Sort(over)
	s.Overshoot = over[len(over)*95/100]
}
