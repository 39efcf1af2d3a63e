// Package flow decides how much may be in flight, and what an error means.
//
// It is the bottom of the house: it imports nothing of Weir, knows nothing of
// Kafka, and can be used by itself in front of any server or client. Each tool is
// one type in a file of its name:
//
//   - An error is turned into a [Verdict] by [Classify].
//   - How many calls: a [Limiter] asks an [Algorithm] how many may be in flight; a
//     [Semaphore] shares slots among tenants by weight; a [Rate] and a [Pacer] bound
//     how many start in a second.
//   - How a call may fail: a [Timeout] follows how long calls take, or [Deadline] is
//     given one; a [Backoff] spaces retries and a [RetryBudget] bounds them; a [Breaker]
//     stops calling a side that fails.
//   - When there is too much: a [Gate] takes no more work in; a [Queue] serves those
//     who still wait; a [Shedder] turns away the least important, with what
//     [CPULoad] and [MemoryLoad] say; [FormatRetryAfter] tells the refused when to
//     come back; [Health] keeps the process in rotation or out of it.
//
// They are step functions or small structures under one mutex. None has a
// goroutine of its own, but for the call that [Timeout] may leave behind, and
// none sleeps except where a caller waits for its turn. Where the time matters
// it is an argument, or a clock can be given. The zero value of every field of
// configuration means the default that stands beside it.
//
// The package does not queue records, retry calls or talk to a broker: whoever
// calls it does.
//
// # Pools
//
// A pool of connections needs no tool of its own. Make it as large as the limit
// can become, and take the connection inside [Limiter.Do]: then nobody waits for
// one as long as the limit is right, and where the pool is smaller after all the wait
// counts as latency, so that the limiter finds the pool's size like any other
// bound of the other side. A bound of the pool's own in front of the limiter would hide
// the wait from it, and the limit would climb for ever.
package flow
