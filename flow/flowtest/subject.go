package flowtest

import (
	"time"

	"github.com/weir-kafka/weir/flow"
)

// Subject is a limiter under judgement. The simulator is single threaded and
// gives it a virtual clock.
type Subject interface {
	// TryAcquire takes a permit if a call may start now.
	TryAcquire() bool
	// Done gives a permit back. latency is that of the attempt: the time for
	// which a failed call keeps its place is not in it.
	Done(o flow.Outcome, latency time.Duration)
	// Limit returns how many calls may be in flight.
	Limit() int
	// HoldUntil returns the moment before which no call starts, zero when calls may.
	HoldUntil() time.Time
}

// CallWatcher is an optional ability of a [Subject] whose permits are not
// alike, because each measures its own call. Started follows the TryAcquire of
// a call and Ending precedes its Done; a number is used again only after that.
type CallWatcher interface {
	Started(call int)
	Ending(call int)
}

// Maker builds a Subject. now is the virtual clock of the instance, with its
// skew; seed fixes any randomness.
type Maker func(now func() time.Time, seed uint64) Subject

// Limiter returns the Maker of a [flow.Limiter] driven by what build returns.
func Limiter(build func(seed uint64) flow.Algorithm) Maker {
	return func(now func() time.Time, seed uint64) Subject {
		return limiter{flow.NewLimiter(build(seed), flow.WithNow(now))}
	}
}

type limiter struct{ *flow.Limiter }

// Done implements [Subject]. A flow.Limiter needs no latency: it has Little's law.
func (l limiter) Done(o flow.Outcome, _ time.Duration) { l.Limiter.Done(o) }

// keepsPlaces implements [placeKeeper].
func (l limiter) keepsPlaces() {}

// A placeKeeper is a Subject that itself keeps the place of a call that failed.
type placeKeeper interface{ keepsPlaces() }

// planned is the oracle's subject: a fixed limit for each phase.
type planned struct {
	now      func() time.Time
	starts   []float64
	limits   []int
	inFlight int
}

func fixedMaker(n int) Maker { return plannedMaker([]float64{0}, []int{n}) }

func plannedMaker(starts []float64, limits []int) Maker {
	return func(now func() time.Time, _ uint64) Subject {
		return &planned{now: now, starts: starts, limits: limits}
	}
}

// TryAcquire implements [Subject].
func (p *planned) TryAcquire() bool {
	if p.inFlight >= p.Limit() {
		return false
	}
	p.inFlight++
	return true
}

// Done implements [Subject].
func (p *planned) Done(flow.Outcome, time.Duration) { p.inFlight-- }

// HoldUntil implements [Subject].
func (p *planned) HoldUntil() time.Time { return time.Time{} }

// Limit implements [Subject].
func (p *planned) Limit() int {
	if len(p.limits) == 1 {
		return p.limits[0]
	}
	t, i := p.now().Sub(epoch).Seconds(), 0
	for i+1 < len(p.starts) && t >= p.starts[i+1] {
		i++
	}
	return p.limits[i]
}
