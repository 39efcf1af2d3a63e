package flow

import "time"

// Backoff spaces repeated attempts with full jitter: a delay is uniform between
// zero and a bound that doubles with each attempt, so that those who failed
// together do not come back together. (Brooker, "Exponential Backoff And
// Jitter", AWS, 2015.)
type Backoff struct {
	Base time.Duration // bound of the first delay
	Max  time.Duration // the bound grows no further
}

// Delay returns the delay after a failed attempt, counted from 1. rnd returns
// numbers in [0, 1).
func (b Backoff) Delay(attempt int, rnd func() float64) time.Duration {
	bound := b.Base
	for i := 1; i < attempt && bound < b.Max; i++ {
		bound *= 2
	}
	return time.Duration(rnd() * float64(min(bound, b.Max)))
}
