// Package proof runs the real engine with the real client against simulated
// brokers in virtual time, under faults that a seed decides, and has what
// happened judged by package checker. One seed is one run.
//
// A seed fixes the faults and when they happen, not how goroutines interleave:
// two runs of a seed inject the same faults and may differ in what they hit.
//
// A killed member is one whose network and sinks are taken away for good: from
// outside it looks like a process that died. Its goroutines end by themselves.
package proof
