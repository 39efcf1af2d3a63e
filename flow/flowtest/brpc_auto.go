package flowtest

import (
	"math"
	"math/rand/v2"
)

// brpc takes the product of peak throughput and lowest latency as the load that
// the sink carries without a queue, and allows up to 1.4 times that while
// latency is near the lowest.
//
// Source: Apache brpc, auto_concurrency_limiter.cpp: initial limit 40, windows
// of 100 samples, latency of failed calls added to that of the others,
// threshold 0.4, smoothing 0.9, peak of 50 windows, every 25 to 50 s half the
// limit for 2 s to measure latency anew. As there, the length of a window in ms
// is compared with microseconds, so 100 samples always end it. Its floor of 40
// is 1 here, and a window without success, which corrupts its count of calls
// there, is merely longer here.
type brpc struct {
	current      float64
	start        float64 // of the window
	ok, failed   int
	okTime, lost float64
	base, peak   float64
	rates        []float64
	resetAt      float64
	resetEnd     float64
	rnd          *rand.Rand
}

func newBRPC(seed uint64) *brpc {
	b := &brpc{current: 40, rnd: newRand(seed)}
	b.resetAt = b.nextReset(0)
	return b
}

func (b *brpc) nextReset(now float64) float64 { return now + 25 + 25*b.rnd.Float64() }

func (b *brpc) limit() float64 { return b.current }

func (b *brpc) see(s sample) {
	if b.start == 0 {
		b.start = s.at
	}
	if s.dropped {
		b.failed++
		b.lost += s.rtt
	} else {
		b.ok++
		b.okTime += s.rtt
	}
	if b.ok+b.failed < 100 || b.ok == 0 || s.at <= b.start {
		return
	}
	latency := (b.okTime + b.lost) / float64(b.ok)
	b.learn(latency, float64(b.ok)/(s.at-b.start))
	b.start, b.ok, b.failed, b.okTime, b.lost = s.at, 0, 0, 0, 0
	b.decide(s.at, latency)
}

func (b *brpc) learn(latency, rate float64) {
	switch {
	case b.base == 0:
		b.base = latency
	case latency < b.base:
		b.base = 0.9*b.base + 0.1*latency
	}
	if b.rates = append(b.rates, rate); len(b.rates) > 50 {
		b.rates = b.rates[1:]
	}
	peak := 0.0
	for _, r := range b.rates {
		peak = max(peak, r)
	}
	if peak < b.peak {
		peak = 0.9*b.peak + 0.1*peak
	}
	b.peak = peak
}

func (b *brpc) decide(now, latency float64) {
	if now < b.resetEnd {
		return
	}
	if now >= b.resetAt {
		b.base = 0
		b.resetAt, b.resetEnd = b.nextReset(now), now+2
		b.current = clamp(math.Floor(b.current / 2))
		return
	}
	load := math.Ceil(b.base * b.peak)
	if latency < 1.4*b.base {
		load = math.Ceil(load * (2.4 - latency/b.base))
	}
	b.current = clamp(load)
}
