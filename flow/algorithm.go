package flow

import "time"

// Window is what a slot measured. The mean latency of its calls is not in it:
// by Little's law it is InFlight divided by the rate of completions, and that
// needs no sample of any single call.
type Window struct {
	Start, End time.Time
	Limit      int           // in force during the slot
	InFlight   float64       // mean calls in flight, weighted by time
	Full       float64       // share of the slot during which the limit was reached
	Calls      [5]int        // calls that ended, by Verdict
	Work       int           // units of the calls that were Done
	RetryAfter time.Duration // the longest that was asked for
}

// Completed returns how many calls ended with something learned.
func (w *Window) Completed() int {
	return w.Calls[Done] + w.Calls[Retry] + w.Calls[Overload] + w.Calls[Reject]
}

// Latency returns the mean time of a call by Little's law, zero when none ended.
func (w *Window) Latency() time.Duration {
	n := w.Completed()
	if n == 0 {
		return 0
	}
	return time.Duration(w.InFlight * float64(w.End.Sub(w.Start)) / float64(n))
}

// Plan is what an algorithm decides for the next slot.
type Plan struct {
	Limit     int       // calls that may be in flight; less than 1 counts as 1
	End       time.Time // when the slot ends: Next is called at the first event at or after it
	HoldUntil time.Time // no call starts before
	Reason    string    // a short fixed phrase for logs and metrics
}

// An Algorithm turns what a slot measured into the next slot. It is a step
// function: no lock, no clock, no goroutine. A [Limiter] calls it from one
// goroutine at a time. The first call has an empty window.
type Algorithm interface {
	Next(now time.Time, w Window) Plan
}

type fixed int

// Fixed returns the algorithm that always allows n calls.
func Fixed(n int) Algorithm { return fixed(max(n, 1)) }

// Next implements [Algorithm].
func (f fixed) Next(now time.Time, _ Window) Plan {
	return Plan{Limit: int(f), End: now.Add(time.Minute), Reason: "fixed"}
}
