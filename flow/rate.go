package flow

import (
	"sync"
	"time"

	"golang.org/x/time/rate"
)

// Rate is a token bucket: so many units a second, and no more than Burst at
// once after a rest. A unit is what the caller counts, records or bytes. It is
// for limits that are set and rarely change; a limit that is lowered because
// the other side is full needs a [Pacer].
//
// The zero value sets no limit; the fields are set before the first use. Times
// are the caller's; one that is earlier than the last counts as the last, so that
// goroutines whose readings of the clock cross get nothing twice. It is safe for
// concurrent use and never waits.
type Rate struct {
	PerSecond float64 // zero or less means no limit
	Burst     int     // zero means what comes in a second, at least 1

	mu   sync.Mutex
	lim  *rate.Limiter
	last time.Time
}

// Allow takes n units if they are there at now. More than Burst never are.
func (r *Rate) Allow(now time.Time, n int) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	now = r.advance(now)
	return r.lim.AllowN(now, n)
}

// Reserve takes n units, be they there or not, and returns the time until which
// the caller must wait before it uses them: now when it need not. It may ask for
// more than Burst. Whoever gives up while waiting has spent them all the same.
func (r *Rate) Reserve(now time.Time, n int) (until time.Time) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now = r.advance(now)
	until = now
	for n > 0 { // a reservation beyond the burst is refused, a sequence of small ones is not
		part := n
		if r.PerSecond > 0 {
			part = min(n, r.lim.Burst())
		}
		until = now.Add(r.lim.ReserveN(now, part).DelayFrom(now))
		n -= part
	}
	return until
}

// SetPerSecond changes the rate at now; zero or less means no limit. Units that
// came before keep; Burst stays.
func (r *Rate) SetPerSecond(now time.Time, perSecond float64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	now = r.advance(now)
	r.PerSecond = perSecond
	r.lim.SetLimitAt(now, limitOf(perSecond))
	if r.Burst <= 0 {
		r.lim.SetBurstAt(now, r.burst())
	}
}

// advance makes the bucket, full, at the first use.
func (r *Rate) advance(now time.Time) time.Time {
	if r.lim == nil {
		r.lim = rate.NewLimiter(limitOf(r.PerSecond), r.burst())
		r.last = now
	}
	if now.Before(r.last) {
		now = r.last
	}
	r.last = now
	return now
}

func (r *Rate) burst() int {
	if r.Burst > 0 {
		return r.Burst
	}
	return max(int(r.PerSecond), 1)
}

func limitOf(perSecond float64) rate.Limit {
	if perSecond <= 0 {
		return rate.Inf
	}
	return rate.Limit(perSecond)
}
