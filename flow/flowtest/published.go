package flowtest

import (
	"math/rand/v2"
	"time"

	"github.com/weir-kafka/weir/flow"
)

const mostAllowed = 512

// sample is the end of one call, as published limiters see it.
type sample struct {
	at       float64 // seconds
	rtt      float64 // seconds
	inFlight int     // just before the call ended
	dropped  bool    // it did not succeed
}

// rule is a published algorithm.
type rule interface {
	see(s sample) // called at the end of each call
	limit() float64
}

func rules(build func(seed uint64) rule) Maker {
	return func(now func() time.Time, seed uint64) Subject {
		return &published{now: now, rule: build(seed)}
	}
}

// published makes a Subject of a rule.
type published struct {
	rule
	now      func() time.Time
	inFlight int
}

// Limit implements [Subject].
func (p *published) Limit() int { return max(int(p.limit()), 1) }

// HoldUntil implements [Subject].
func (p *published) HoldUntil() time.Time { return time.Time{} }

// TryAcquire implements [Subject].
func (p *published) TryAcquire() bool {
	if p.inFlight >= p.Limit() {
		return false
	}
	p.inFlight++
	return true
}

// Done implements [Subject].
func (p *published) Done(o flow.Outcome, latency time.Duration) {
	s := sample{at: p.now().Sub(epoch).Seconds(), rtt: latency.Seconds(), inFlight: p.inFlight}
	s.dropped = o.Kind == flow.Retry || o.Kind == flow.Overload
	p.inFlight--
	if o.Kind != flow.Ignore {
		p.see(s)
	}
}

// clamp keeps a limit within the bounds.
func clamp(limit float64) float64 { return min(max(limit, 1), mostAllowed) }

func newRand(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 17)) }

// window gathers the samples of a second for a rule.
//
// Source: Netflix concurrency-limits, WindowedLimit with
// AverageSampleWindowFactory: 1 s, at least 10 samples, the mean latency of the
// calls that were not dropped, the largest number in flight, and whether any
// was dropped.
type window struct {
	rule
	until, sum float64
	n, most    int
	dropped    bool
}

func windowed(r rule) rule { return &window{rule: r} }

func (w *window) see(s sample) {
	if s.dropped {
		w.dropped = true
	} else {
		w.sum += s.rtt
		w.n++
	}
	w.most = max(w.most, s.inFlight)
	if s.at <= w.until {
		return
	}
	w.until = s.at + 1
	if w.n >= 10 {
		w.rule.see(sample{at: s.at, rtt: w.sum / float64(w.n), inFlight: w.most, dropped: w.dropped})
	}
	w.sum, w.n, w.most, w.dropped = 0, 0, 0, false
}
