package flow

import (
	"math"
	"time"
)

// Shadow returns the algorithm that allows n calls, as [Fixed] does, while [Knee]
// watches: Insight.Shadow is the limit to which it last would have gone from n, in
// one step and not all the way, and the reason is its reason. So an operator sees
// whether n is too much or too little before trusting the law with it.
//
// Nothing is learned from a limit that stands still. So n is never exceeded, but in
// every other slot up to a fourth of it is left out, and half of it for one slot
// every 25 seconds; cfg.Max and cfg.Initial mean nothing.
func Shadow(n int, cfg KneeConfig) Algorithm {
	cfg.Max, cfg.Initial = max(n, 1), max(n, 1)
	rules := kneeStandard()
	rules.Bend = 0 // it does not go where it would
	s := &shadow{law: newKnee(cfg, rules), n: float64(cfg.Max), limit: float64(cfg.Max)}
	s.law.cruise(s.n)
	return s
}

type shadow struct {
	law   *knee
	n     float64
	limit float64 // to which the law would go, as of the last slot in which it would go anywhere
}

// Next implements [Algorithm].
func (s *shadow) Next(now time.Time, w Window) Plan {
	k, why := s.law, "starting"
	if !w.End.Equal(w.Start) {
		k.max = math.Inf(1)
		why = k.learn(&w)
		k.max = s.n
		if k.limit != s.n { // a slot that only measures takes nothing back
			s.limit = k.limit
		}
		k.mode, k.limit = kneeCruise, s.n
	}
	p := k.plan(now, why)
	p.Keep = 0
	p.Shadow = int(math.Round(s.limit))
	return p
}
