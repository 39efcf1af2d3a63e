package main

import (
	"fmt"
	"strings"

	"github.com/weir-kafka/weir/integration/checker"
)

// verdict is what the checker says of some trials, in figures for the table.
type verdict struct {
	records, lost, disorder, other int
	duplicates, bound              int64 // duplicates from whatever cause; what the killed processes had announced
	witnesses                      []string
}

// judge sums a report up. A repetition may have other causes than a kill; in these
// trials none of them is there, so that all together are held to the bound.
func judge(r *checker.Report, records int, bound int64) verdict {
	v := verdict{records: records, bound: bound}
	for class, n := range r.Classes {
		switch class {
		case checker.Lost, checker.Unseen:
			v.lost += n
		case checker.KeySkip, checker.KeyNonmonotonic:
			v.disorder += n
		default:
			v.other += n
		}
	}
	for _, i := range r.Verdicts {
		for _, w := range i.Witnesses {
			v.witness("%s %s: %s", i.Invariant, w.Class, w.Text)
		}
	}
	causes := ""
	for figure, n := range r.Figures {
		if cause, ok := strings.CutPrefix(figure, "repeated: "); ok {
			v.duplicates += n
			causes += fmt.Sprintf(", %d %s", n, cause)
		}
	}
	if v.duplicates > bound {
		v.witness("%d duplicates, at most %d were announced%s", v.duplicates, bound, causes)
	}
	return v
}

func (v *verdict) witness(format string, args ...any) {
	if len(v.witnesses) < 5 {
		v.witnesses = append(v.witnesses, fmt.Sprintf(format, args...))
	}
}

func (v *verdict) ok() bool {
	return v.lost+v.disorder+v.other == 0 && v.duplicates <= v.bound && len(v.witnesses) == 0
}

func (v *verdict) add(o verdict) {
	v.records, v.lost, v.disorder = v.records+o.records, v.lost+o.lost, v.disorder+o.disorder
	v.duplicates, v.other, v.bound = v.duplicates+o.duplicates, v.other+o.other, v.bound+o.bound
	v.witnesses = append(v.witnesses, o.witnesses...)
}
