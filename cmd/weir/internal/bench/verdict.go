package bench

import (
	"fmt"
)

// judge says whether a ratio of so many rounds counts: only if the raw loop measured twice
// is the same.
func (r *Ratio) judge(rounds int) {
	switch {
	case rounds < leastRounds:
		r.Why = fmt.Sprintf("%d rounds are too few, an interval of 95 %% needs %d", rounds, leastRounds)
	case r.Control.Low < nearLow || r.Control.High > nearHigh:
		r.Why = fmt.Sprintf("the raw loop against itself is %s, and must be within %.2f and %.2f", r.Control.text(), nearLow, nearHigh)
	default:
		r.Valid = true
	}
}

// judge writes the verdict.
func (r *Report) judge() {
	r.Verdict = []string{}
	say := func(format string, args ...any) { r.Verdict = append(r.Verdict, fmt.Sprintf(format, args...)) }
	t, c := &r.Throughput, &r.CPU
	switch few := r.Rounds < leastRounds; {
	case few:
		say("VOID: %s; give a longer --for, or fewer --records", t.Why)
		return
	case !t.Valid && !c.Valid:
		say("VOID: noise on this machine: %s in records/s, and %s in CPU a record; %s", t.Why, c.Control.text(), quieter)
		return
	case !t.Valid:
		say("records/s are void: noise on this machine or on the brokers: %s; %s", t.Why, quieter)
	default:
		say("the pipeline moves %s of the records/s of a raw loop", t.text())
	}
	if c.Valid {
		say("a record costs it %s times the CPU", c.text())
	} else {
		say("CPU a record is void: noise on this machine: %s; %s", c.Why, quieter)
	}
	if k := &r.Cost; k.Waits {
		say("its calls take longer than it computes: a %s call takes %s a record, waits included", k.waiting(), nanos(max(k.Handler, k.Sink)))
	} else {
		say("most of its CPU goes to the %s: %s of %s a record", k.Largest, nanos(k.of(k.Largest)), nanos(r.Pipeline.CPU.Median))
	}
}

const quieter = "end what else runs on this machine, or give a longer --for"

// waiting is whose calls take longest.
func (c *Cost) waiting() string {
	if c.Sink > c.Handler {
		return "sink"
	}
	return "handler"
}
