package main

import (
	"sync/atomic"
	"time"
)

// load is how much is written: first as much as keeps the pipeline busy, then at a
// pace.
type load struct {
	backlog func() int64  // what is written and not delivered
	rate    atomic.Uint64 // records a second, 0 while it is measured
	behind  atomic.Int64  // what is written and not committed, -1 when nobody knows

	since  time.Time
	due    float64
	rests  atomic.Int64 // how often nothing was written, until all was committed
	caught time.Time    // when it was, zero while nothing rests or it is not
	rest   bool
}

const (
	// most is written ahead while it is measured what the pipeline can take.
	most = 20_000
	// stored bounds a whole run: the ledger keeps each effect in memory, 300 bytes.
	stored = 12_000_000
	// ahead, in seconds of writing, is how far who writes may be before who reads.
	// Half of what the pipeline takes is not half any more once the machine has other
	// work, and a service in a bad mood takes less. Then nothing is written until all
	// is committed, and for a rest: moments at which nothing waits can be compared.
	ahead  = 12
	atRest = 6 * time.Second
)

// count is called before each write, by one goroutine.
func (l *load) count() int {
	rate := float64(l.rate.Load())
	if rate == 0 {
		return int(min(max(most-l.backlog(), 0), most/20))
	}
	now := time.Now()
	if l.since.IsZero() {
		l.since = now
	}
	if l.resting(now, rate) {
		l.since = now
		return 0
	}
	l.due += min(now.Sub(l.since).Seconds(), 1) * rate // who was late does not make up for all of it
	l.since = now
	n := int(l.due)
	l.due -= float64(n)
	return n
}

// resting reports whether nothing is to be written for now.
func (l *load) resting(now time.Time, rate float64) bool {
	behind := float64(l.behind.Load())
	switch {
	case !l.rest && behind > ahead*rate:
		l.rest, l.caught = true, time.Time{}
		l.rests.Add(1)
	case !l.rest:
	case l.caught.IsZero() && behind == 0:
		l.caught = now
	case !l.caught.IsZero() && now.Sub(l.caught) > atRest:
		l.rest = false
	}
	return l.rest
}

// pace is half of what was measured, and no more than a run may store.
func pace(taken int64, in, whole time.Duration) uint64 {
	half := float64(taken) / in.Seconds() / 2
	return uint64(max(1, min(half, stored/whole.Seconds())))
}
