package checker

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/weir-kafka/weir/integration/ledger"
)

// Class names what is wrong.
type Class string

// The classes of anomalies.
const (
	Lost            Class = "lost"             // committed, and never had an outcome
	Unseen          Class = "unseen"           // not committed, and no outcome although everything is at rest
	Phantom         Class = "phantom"          // an effect of what was never written, was aborted, or had other bytes
	CommitAhead     Class = "commit-ahead"     // committed before it had an outcome
	CommitRegress   Class = "commit-regress"   // the broker took a commit that lies behind an earlier one
	KeySkip         Class = "key-skip"         // an effect while an earlier record of the key had none
	KeyNonmonotonic Class = "key-nonmonotonic" // an effect again, or behind another, in one session
	Handover        Class = "handover"         // an effect of a session that was over
	DupUnbounded    Class = "dup-unbounded"    // a repeated effect without a cause, or beyond the bound of its cause
	DeadLetterLost  Class = "dead-letter-lost" // a record at fault that is not kept as it was
	Stuck           Class = "stuck"            // lag without progress
	Memory          Class = "memory"
	Membership      Class = "membership" // a session that ended without a reason
	Leak            Class = "leak"
	Telemetry       Class = "telemetry-lies"
)

// witnesses is how many a verdict shows.
const witnesses = 5

// A Witness is one anomaly.
type Witness struct {
	Class     Class
	Partition ledger.Partition
	At        int // the event with which it shows; the number of events for the end
	Text      string
}

// A Verdict is what became of one invariant.
type Verdict struct {
	Invariant string
	Promise   string
	Anomalies int
	Witnesses []Witness // the first five
}

// Report is the verdicts over a history, and what was counted.
type Report struct {
	Verdicts []Verdict
	Figures  map[string]int64
	Classes  map[Class]int
}

// judged is the invariants in the order of the specification. I3c is part of
// I3a; I5, I6 and I12 need a sink of their own kind.
func judged() []Verdict {
	return []Verdict{
		{Invariant: "I1", Promise: "no loss"},
		{Invariant: "I2", Promise: "commit <= processed"},
		{Invariant: "I2b", Promise: "commits do not regress"},
		{Invariant: "I3a", Promise: "order in a session"},
		{Invariant: "I3b", Promise: "prefix replay"},
		{Invariant: "I3d", Promise: "hand-over"},
		{Invariant: "I4", Promise: "bounded duplicates"},
		{Invariant: "I7", Promise: "dead letters"},
		{Invariant: "I8", Promise: "memory"},
		{Invariant: "I9", Promise: "liveness"},
		{Invariant: "I10", Promise: "membership"},
		{Invariant: "I11", Promise: "no leak"},
		{Invariant: "I13", Promise: "truthful telemetry"},
	}
}

// invariant is the one that a class violates.
func invariant(c Class) string {
	switch c {
	case Lost, Unseen, Phantom:
		return "I1"
	case CommitAhead:
		return "I2"
	case CommitRegress:
		return "I2b"
	case KeyNonmonotonic:
		return "I3a"
	case KeySkip:
		return "I3b"
	case Handover:
		return "I3d"
	case DupUnbounded:
		return "I4"
	case DeadLetterLost:
		return "I7"
	case Memory:
		return "I8"
	case Stuck:
		return "I9"
	case Membership:
		return "I10"
	case Leak:
		return "I11"
	case Telemetry:
		return "I13"
	}
	return ""
}

func (r *Report) add(w Witness) {
	r.Classes[w.Class]++
	for i := range r.Verdicts {
		v := &r.Verdicts[i]
		if v.Invariant != invariant(w.Class) {
			continue
		}
		v.Anomalies++
		if len(v.Witnesses) < witnesses {
			v.Witnesses = append(v.Witnesses, w)
		}
	}
}

// OK reports whether every invariant holds.
func (r *Report) OK() bool { return len(r.Classes) == 0 }

// First returns the witness of what showed first.
func (r *Report) First() (first Witness, ok bool) {
	for _, v := range r.Verdicts {
		for _, w := range v.Witnesses {
			if !ok || w.At < first.At {
				first, ok = w, true
			}
		}
	}
	return first, ok
}

// String is a line for each invariant and each witness, and the figures.
func (r *Report) String() string {
	var b strings.Builder
	for _, v := range r.Verdicts {
		if v.Anomalies == 0 {
			fmt.Fprintf(&b, "%-4s PASS  %s\n", v.Invariant, v.Promise)
			continue
		}
		fmt.Fprintf(&b, "%-4s FAIL  %s: %d anomalies\n", v.Invariant, v.Promise, v.Anomalies)
		for _, w := range v.Witnesses {
			fmt.Fprintf(&b, "     %s: %s\n", w.Class, w.Text)
		}
	}
	for _, k := range slices.Sorted(maps.Keys(r.Figures)) {
		fmt.Fprintf(&b, "     %s %d\n", k, r.Figures[k])
	}
	return b.String()
}
