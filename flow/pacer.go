package flow

import (
	"sync"
	"time"
)

// Pacer spaces calls evenly. Unlike a [Rate] it saves nothing up: after a rest,
// and after any change of the rate, calls do not come in a burst. That is what
// a side that just answered 429 needs. (Generic cell rate algorithm, ITU-T
// I.371, with no tolerance.)
//
// The zero value lets everything pass until a rate is set. It is safe for
// concurrent use and never waits.
type Pacer struct {
	mu        sync.Mutex
	perSecond float64
	next      time.Time // theoretical arrival time: when the next call may start
}

// Reserve takes the next place for n units and returns when the caller may start:
// now at the earliest. The call after it starts n units' time later.
func (p *Pacer) Reserve(now time.Time, n int) (until time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.perSecond <= 0 {
		return now
	}
	if p.next.Before(now) {
		p.next = now
	}
	until = p.next
	p.next = until.Add(p.span(float64(n)))
	return until
}

// Next returns when a call could start, and takes nothing.
func (p *Pacer) Next(now time.Time) time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.perSecond <= 0 || p.next.Before(now) {
		return now
	}
	return p.next
}

// SetRate changes the rate at now; zero or less means no limit. What is owed is
// owed at the new rate. A pacer that had no limit owes one unit: a call was
// just made, or nobody would set a limit.
func (p *Pacer) SetRate(now time.Time, perSecond float64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	owed := 1.0
	if p.perSecond > 0 {
		owed = max(p.next.Sub(now).Seconds(), 0) * p.perSecond
	}
	p.perSecond = max(perSecond, 0)
	if p.perSecond > 0 {
		p.next = now.Add(p.span(owed))
	}
}

// PerSecond returns the rate, zero when there is no limit.
func (p *Pacer) PerSecond() float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.perSecond
}

// span is how long units take, a day at most: a rate near zero is no reason to
// overflow.
func (p *Pacer) span(units float64) time.Duration {
	return time.Duration(min(units/p.perSecond, 24*3600) * float64(time.Second))
}
