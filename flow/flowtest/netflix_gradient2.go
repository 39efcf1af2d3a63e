package flowtest

// gradient2 compares the latency of the last window with its long average
// instead of with the lowest. Drops are not looked at.
//
// Source: Netflix concurrency-limits, Gradient2Limit: initial limit 20, queue
// 4, smoothing 0.2, tolerance 1.5, long window 600, of which the first 10 are
// averaged plainly; the long average decays by 0.95 while it is over twice the
// short one.
type gradient2 struct {
	current, long float64
	warm          int
}

func newGradient2() *gradient2 { return &gradient2{current: 20} }

func (g *gradient2) limit() float64 { return g.current }

func (g *gradient2) see(s sample) {
	if g.warm < 10 {
		g.warm++
		g.long += (s.rtt - g.long) / float64(g.warm)
	} else {
		g.long += 2.0 / (600 + 1) * (s.rtt - g.long)
	}
	long := g.long
	if long > 2*s.rtt {
		g.long *= 0.95
	}
	if float64(s.inFlight) < g.current/2 {
		return
	}
	slope := min(max(1.5*long/s.rtt, 0.5), 1)
	g.current = clamp(0.8*g.current + 0.2*(g.current*slope+4))
}
