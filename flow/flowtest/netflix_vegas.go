package flowtest

import (
	"math"
	"math/rand/v2"
)

// vegas estimates the calls that wait at the sink as L(1-B/R), B being the
// lowest latency seen, and keeps them between 3 and 6 times log L.
//
// Source: Netflix concurrency-limits, VegasLimit: initial limit 20, probe
// multiplier 30, alpha 3 log10 L, beta 6 log10 L, threshold log10 L. It is TCP
// Vegas (Brakmo and Peterson, 1995).
type vegas struct {
	current, base float64
	updates       float64
	jitter        float64
	rnd           *rand.Rand
}

func newVegas(seed uint64) *vegas {
	v := &vegas{current: 20, rnd: newRand(seed)}
	v.rejitter()
	return v
}

func (v *vegas) rejitter() { v.jitter = 0.5 + v.rnd.Float64()/2 }

func (v *vegas) limit() float64 { return v.current }

func (v *vegas) see(s sample) {
	if v.updates++; v.jitter*30*v.current <= v.updates {
		v.rejitter()
		v.updates, v.base = 0, s.rtt
		return
	}
	if v.base == 0 || s.rtt < v.base {
		v.base = s.rtt
		return
	}
	v.current = clamp(v.next(s))
}

func (v *vegas) next(s sample) float64 {
	queue := math.Ceil(v.current * (1 - v.base/s.rtt))
	step := max(1, math.Floor(math.Log10(v.current)))
	switch {
	case s.dropped:
		return v.current - step
	case 2*float64(s.inFlight) < v.current:
		return v.current
	case queue <= step:
		return v.current + 6*step
	case queue < 3*step:
		return v.current + step
	case queue > 6*step:
		return v.current - step
	}
	return v.current
}
