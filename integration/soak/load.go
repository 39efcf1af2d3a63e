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

	since time.Time
	due   float64
}

const (
	// most is written ahead while it is measured what the pipeline can take.
	most = 20_000
	// stored bounds a whole run: the ledger keeps each effect in memory, 300 bytes.
	stored = 12_000_000
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
	l.due += min(now.Sub(l.since).Seconds(), 1) * rate // who was late does not make up for all of it
	l.since = now
	n := int(l.due)
	l.due -= float64(n)
	return n
}

// pace is half of what was measured, and no more than a run may store.
func pace(taken int64, in, whole time.Duration) uint64 {
	half := float64(taken) / in.Seconds() / 2
	return uint64(max(1, min(half, stored/whole.Seconds())))
}
