// Package proof runs the real engine with the real client against simulated
// brokers in virtual time, under faults that a seed decides, and has what
// happened judged by package checker. One seed is one run.
//
// A seed fixes the faults and when they happen, not how goroutines interleave:
// two runs of a seed inject the same faults and may differ in what they hit.
//
// A killed member is one whose network and sinks are taken away for good: from
// outside it looks like a process that died. Its goroutines end by themselves. A
// member that is cut off has no connections, one that is frozen has connections
// that carry nothing; both go on to handle and write. Clocks jump forwards only,
// as after a stop of the process: what the engine measures is monotonic.
//
// Requests are those of a consumer: the sinks are stores of the trial, so nothing
// is produced by the members, to dead letters neither.
package proof
