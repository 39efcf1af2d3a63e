package flowtest

import (
	"math"
	"math/rand/v2"
)

// gradient multiplies the limit by the ratio of the lowest latency to that of the
// last window, and allows a queue of the square root of the limit.
//
// Source: Netflix concurrency-limits, GradientLimit: initial limit 50,
// tolerance 2, smoothing 0.2 of decreases, back-off 0.9 after a drop, queue
// max(4, sqrt L), base and limit reset every 1000 to 2000 windows.
type gradient struct {
	current, base float64
	untilReset    int
	rnd           *rand.Rand
}

func newGradient(seed uint64) *gradient {
	g := &gradient{current: 50, rnd: newRand(seed)}
	g.untilReset = 1000 + g.rnd.IntN(1000)
	return g
}

func (g *gradient) limit() float64 { return g.current }

func (g *gradient) see(s sample) {
	queue := max(4, math.Floor(math.Sqrt(math.Floor(g.current))))
	if g.untilReset--; g.untilReset < 0 {
		g.untilReset = 1000 + g.rnd.IntN(1000)
		g.current, g.base = clamp(queue), 0
		return
	}
	if g.base == 0 || s.rtt < g.base {
		g.base = s.rtt
	}
	slope := min(max(2*g.base/s.rtt, 0.5), 1)
	var next float64
	switch {
	case s.dropped:
		next = g.current * 0.9
	case float64(s.inFlight) < g.current/2:
		return
	default:
		next = g.current*slope + queue
	}
	if next < g.current {
		next = 0.8*g.current + 0.2*next
	}
	g.current = clamp(max(queue, next))
}
