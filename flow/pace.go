package flow

import (
	"sync"
	"time"
)

// pace is how many requests have ended lately: of the second before this one,
// and of this one.
type pace struct {
	mu           sync.Mutex
	second       int64
	before, here float64
}

func (p *pace) add(now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turn(now)
	p.here++
}

// perSecond weighs the second before by what is missing of this one.
func (p *pace) perSecond(now time.Time) float64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.turn(now)
	passed := float64(now.Nanosecond()) / 1e9
	return p.here + p.before*(1-passed)
}

// turn begins a second. A clock read a moment before another's turn begins none.
func (p *pace) turn(now time.Time) {
	switch s := now.Unix(); s - p.second {
	case 0, -1:
	case 1:
		p.second, p.before, p.here = s, p.here, 0
	default:
		p.second, p.before, p.here = s, 0, 0
	}
}
