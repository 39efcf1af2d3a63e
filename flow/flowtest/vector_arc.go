package flowtest

import "math"

// arc adds one once per mean round trip while latency is not above its moving
// mean, and takes a tenth when a call was refused or latency is 2.5 deviations above.
//
// Source: Vector, adaptive request concurrency, controller.rs: initial limit 1,
// decrease ratio 0.9, ewma alpha 0.4, deviation scale 2.5. Only calls that
// succeed are timed.
type arc struct {
	current         float64
	mean, variance  float64
	known           bool
	next            float64 // time of the next decision
	sum             float64
	n               int
	refused, filled bool
}

func newARC() *arc { return &arc{current: 1} }

func (a *arc) limit() float64 { return a.current }

func (a *arc) see(s sample) {
	a.filled = a.filled || float64(s.inFlight) >= a.current
	if s.dropped {
		a.refused = true
	} else {
		a.sum += s.rtt
		a.n++
	}
	switch {
	case !a.known && a.n > 0:
		a.learn()
		a.next = s.at + a.mean
	case a.known && s.at >= a.next:
		a.decide()
		a.learn()
		a.next = s.at + a.mean
		a.sum, a.n, a.refused, a.filled = 0, 0, false, false
	}
}

func (a *arc) decide() {
	now := 0.0
	if a.n > 0 {
		now = a.sum / float64(a.n)
	}
	switch {
	case a.filled && !a.refused && a.n > 0 && now <= a.mean:
		a.current = clamp(a.current + 1)
	case a.refused || now >= a.mean+2.5*math.Sqrt(a.variance):
		a.current = clamp(math.Floor(0.9 * a.current))
	}
}

// learn is West's update of an exponentially weighted mean and variance.
func (a *arc) learn() {
	if a.n == 0 {
		return
	}
	x := a.sum / float64(a.n)
	if !a.known {
		a.mean, a.known = x, true
		return
	}
	d := x - a.mean
	a.mean += 0.4 * d
	a.variance = 0.6 * (a.variance + d*0.4*d)
}
