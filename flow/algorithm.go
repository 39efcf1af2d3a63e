package flow

import "time"

// Window is what a slot measured. The mean latency of its calls is not in it:
// by Little's law it is InFlight divided by the rate of completions, and that
// needs no sample of any single call.
type Window struct {
	Start, End time.Time     // exact, even when the slot is looked at later
	Limit      int           // in force during the slot
	InFlight   float64       // mean places taken, weighted by time
	Calls      [5]int        // calls that ended, by Verdict, without the throttled ones
	Throttled  int           // calls refused with a Retry-After
	Work       int           // units that took effect
	Gap        time.Duration // the longest time without an answer that ends in the slot or is open at its end
}

// Completed returns how many calls ended with something learned.
func (w *Window) Completed() int {
	return w.Calls[Done] + w.Calls[Retry] + w.Calls[Overload] + w.Calls[Reject]
}

// Served returns how many calls the other side did serve: it is to blame for
// neither a rejected one nor for one it did.
func (w *Window) Served() int { return w.Calls[Done] + w.Calls[Reject] }

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
	Limit     int           // calls that may be in flight; less than 1 counts as 1
	End       time.Time     // when the slot ends: Next is called at the first event at or after it
	HoldUntil time.Time     // no call starts before
	Keep      time.Duration // a call that failed keeps its place for 1 to 1.5 times as long
	EndAfter  int           // so many failures end the slot if nothing was served in it; zero is never
	Reason    string        // a short fixed phrase for logs and metrics
	Insight
}

// Insight is what an algorithm knows beside its limit. What it does not know is zero.
type Insight struct {
	Elasticity float64       // of goodput over calls in flight: 1 below the capacity, 0 at it, less beyond
	Base       time.Duration // latency of a call that does not queue
	Stretch    float64       // latency now over Base
	Shadow     int           // the limit that the watched algorithm of Shadow would set
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
