package flowtest

import (
	"math"
	"math/rand/v2"
	"slices"
)

// envoy multiplies the limit by the ratio of a measured base latency and that of
// the last 100 ms, and adds its square root. Once a minute, and after five
// decisions at the floor, it measures the base of 50 calls at the floor of 3.
//
// Source: Envoy, adaptive concurrency filter, gradient_controller.cc: median,
// buffer 25 %, gradient within 0.5 and 2, interval 60 s with 15 % jitter, floor
// 3. Calls that began before a measurement are left out. Here a call that timed
// out is timed like any other.
type envoy struct {
	current   float64
	base      float64
	resume    float64 // the limit to return to after a measurement; zero when there is none
	began     float64 // of the measurement
	measureAt float64
	windowEnd float64
	floored   int
	samples   []float64
	rnd       *rand.Rand
}

const (
	envoyFloor = 3
	envoyEvery = 0.1
	envoyCalls = 50
)

func newEnvoy(seed uint64) *envoy {
	return &envoy{current: envoyFloor, resume: envoyFloor, rnd: newRand(seed)}
}

func (e *envoy) limit() float64 { return e.current }

func (e *envoy) see(s sample) {
	if s.at-s.rtt < e.began {
		return
	}
	e.samples = append(e.samples, s.rtt)
	switch {
	case e.resume > 0:
		if len(e.samples) >= envoyCalls {
			e.measured(s.at)
		}
	case s.at >= e.measureAt || e.floored >= 5:
		e.measure(s.at)
	case s.at >= e.windowEnd:
		e.windowEnd = s.at + envoyEvery
		e.set(e.next())
	}
}

func (e *envoy) measure(now float64) {
	e.resume, e.began = e.current, now
	e.current, e.floored = envoyFloor, 0
	e.samples = e.samples[:0]
}

func (e *envoy) measured(now float64) {
	e.base = e.median()
	e.current, e.resume = e.resume, 0
	e.measureAt = now + 60*(1+0.15*e.rnd.Float64())
	e.windowEnd = now + envoyEvery
}

func (e *envoy) next() float64 {
	slope := min(max(1.25*e.base/e.median(), 0.5), 2)
	next := e.current * slope
	return math.Floor(min(max(next+math.Sqrt(next), envoyFloor), mostAllowed))
}

func (e *envoy) set(next float64) {
	if e.current == envoyFloor && next == envoyFloor {
		e.floored++
	} else {
		e.floored = 0
	}
	e.current = next
}

// median takes the samples.
func (e *envoy) median() float64 {
	slices.Sort(e.samples)
	m := e.samples[len(e.samples)/2]
	e.samples = e.samples[:0]
	return m
}
