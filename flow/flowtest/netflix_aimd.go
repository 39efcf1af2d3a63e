package flowtest

import "math"

// netflixAIMD adds one for each call that succeeds while the limit is at
// least half used, and takes a tenth for each that is dropped or lasts over 5 s.
//
// Source: Netflix concurrency-limits, AIMDLimit: initial limit 20, back-off
// ratio 0.9, timeout 5 s.
type netflixAIMD struct{ current float64 }

func newNetflixAIMD() *netflixAIMD { return &netflixAIMD{20} }

func (a *netflixAIMD) limit() float64 { return a.current }

func (a *netflixAIMD) see(s sample) {
	switch {
	case s.dropped || s.rtt > 5:
		a.current = clamp(math.Floor(0.9 * a.current))
	case 2*float64(s.inFlight) >= a.current:
		a.current = clamp(a.current + 1)
	}
}
