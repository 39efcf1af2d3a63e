package flowtest

import (
	"math"
	"math/cmplx"
	"math/rand/v2"
)

// hill adds a square wave to the limit, looks for it in the throughput by a
// Fourier transform at its frequency, and climbs in proportion to how much of
// it comes through.
//
// Source: .NET runtime, PortableThreadPool.HillClimbing.cs: wave period 4,
// magnitude up to 20, history 8 periods, bias 0.15, signal to noise 3, 4
// changes a second, at most 20 a sample, samples of 10 to 200 ms, error
// smoothing 0.01, gain exponent 2, sample error 0.15. Completions are the calls
// that succeeded. The check of CPU utilisation is left out; the start is at 4.
type hill struct {
	current, control float64
	last             float64 // end of the last sample
	interval, drawn  float64 // drawn is kept until the limit changes
	completions      float64
	samples, limits  [hillHistory]float64
	total            int
	noise            float64
	rnd              *rand.Rand
}

const (
	hillPeriod  = 4
	hillHistory = 8 * hillPeriod
	hillBias    = 0.15
	hillSNR     = 3.0
)

func newHill(seed uint64) *hill {
	h := &hill{current: 4, control: 4, rnd: newRand(seed)}
	h.drawn = h.draw()
	h.interval = h.drawn
	return h
}

func (h *hill) draw() float64 { return float64(10+h.rnd.IntN(191)) / 1000 }

func (h *hill) limit() float64 { return h.current }

func (h *hill) see(s sample) {
	if !s.dropped {
		h.completions++
	}
	took := s.at - h.last
	if took < h.interval || h.total > 0 && (h.current-1)/h.completions >= 0.15 {
		return
	}
	h.samples[h.total%hillHistory] = h.completions / took
	h.limits[h.total%hillHistory] = h.current
	h.total++
	h.last, h.completions = s.at, 0
	ratio, move := h.move(took)
	h.apply(move, ratio)
}

// move returns the part of the wave that came through beyond the bias, and how
// far to climb.
func (h *hill) move(took float64) (ratio, move float64) {
	n := min(h.total-1, hillHistory) / hillPeriod * hillPeriod
	if n <= hillPeriod {
		return 0, 0
	}
	var rate, limit float64
	for i := range n {
		rate += h.samples[(h.total-n+i)%hillHistory]
		limit += h.limits[(h.total-n+i)%hillHistory]
	}
	rate, limit = rate/float64(n), limit/float64(n)
	if rate <= 0 || limit <= 0 {
		return 0, 0
	}
	periods := float64(n) / hillPeriod
	through := h.wave(&h.samples, n, hillPeriod) / complex(rate, 0)
	noise := cmplx.Abs(h.wave(&h.samples, n, float64(n)/(periods+1))) / rate
	if below := float64(n) / (periods - 1); below <= float64(n) {
		noise = max(noise, cmplx.Abs(h.wave(&h.samples, n, below))/rate)
	}
	if h.noise == 0 {
		h.noise = noise
	} else {
		h.noise += 0.01 * (noise - h.noise)
	}
	sent := h.wave(&h.limits, n, hillPeriod) / complex(limit, 0)
	if cmplx.Abs(sent) > 0 {
		ratio = real((through - hillBias*sent) / sent)
	}
	confidence := 1.0
	if worst := max(h.noise, noise); worst > 0 {
		confidence = cmplx.Abs(sent) / worst / hillSNR
	}
	step := min(max(ratio, -1), 1) * min(confidence, 1)
	return ratio, min(step*math.Abs(step)*4*took, 20)
}

// apply moves and puts the wave on top.
func (h *hill) apply(move, ratio float64) {
	h.control += move
	wave := math.Floor(0.5 + h.control*h.noise*hillSNR*2)
	wave = min(max(wave, 1), 20)
	h.control = max(min(h.control, mostAllowed-wave), 1)
	next := math.Floor(h.control + wave*float64(h.total/(hillPeriod/2)%2))
	if next != h.current {
		h.drawn = h.draw()
	}
	h.interval = h.drawn
	if ratio < 0 && next <= 1 {
		h.interval *= 10 * min(-ratio, 1)
	}
	h.current = clamp(next)
}

// wave is the component of the last n values with the given period (Goertzel).
func (h *hill) wave(values *[hillHistory]float64, n int, period float64) complex128 {
	w := 2 * math.Pi / period
	sin, cos := math.Sincos(w)
	var q1, q2 float64
	for i := range n {
		q1, q2 = 2*cos*q1-q2+values[(h.total-n+i)%hillHistory], q1
	}
	return complex(q1-q2*cos, q2*sin) / complex(float64(n), 0)
}
