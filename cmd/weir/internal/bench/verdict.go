package bench

import (
	"fmt"
)

// judge says whether a ratio of so many rounds counts: only if the raw loop measured twice
// is the same.
func (r *Ratio) judge(rounds int) {
	switch {
	case rounds < leastRounds:
		r.Why = fmt.Sprintf("too few rounds: %d, and an interval of 95 %% needs %d; give a longer --for, or fewer --records", rounds, leastRounds)
	case r.Control.Low < nearLow || r.Control.High > nearHigh:
		r.Why = fmt.Sprintf("noise: the raw loop against itself is %.3f (%.3f to %.3f), and must be within %.2f to %.2f; "+
			"end what else runs on this machine and on the brokers, or give a longer --for", r.Control.Median, r.Control.Low, r.Control.High, nearLow, nearHigh)
	default:
		r.Valid = true
	}
}

// judge writes the verdict.
func (r *Report) judge() {
	r.Verdict = []string{}
	say := func(format string, args ...any) { r.Verdict = append(r.Verdict, fmt.Sprintf(format, args...)) }
	switch t, c := &r.Throughput, &r.CPU; {
	case !t.Valid && !c.Valid && t.Why == c.Why:
		say("the measurement is void: %s", t.Why)
		return
	case !t.Valid && !c.Valid:
		say("the measurement is void on this machine: records/s: %s; CPU a record: %s", t.Why, c.Why)
		return
	case !t.Valid:
		say("records/s are void on this machine: %s", t.Why)
	default:
		say("the pipeline moves %.2f (%.2f to %.2f) of the records/s of a raw loop", t.Median, t.Low, t.High)
	}
	if c := &r.CPU; c.Valid {
		say("a record costs it %.2f (%.2f to %.2f) times the CPU", c.Median, c.Low, c.High)
	} else {
		say("CPU a record is void on this machine: %s", c.Why)
	}
	if c := &r.Cost; c.Waits {
		say("calls take longer than the process computes: the %s waits for %s a record", c.waiting(), nanos(max(c.Handler, c.Sink)))
	} else {
		say("most of its CPU goes to the %s: %s of %s a record", c.Largest, nanos(c.of(c.Largest)), nanos(r.Pipeline.CPU.Median))
	}
}

// waiting is whose calls take longest.
func (c *Cost) waiting() string {
	if c.Sink > c.Handler {
		return "sink"
	}
	return "handler"
}
