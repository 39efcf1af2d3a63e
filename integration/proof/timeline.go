package proof

import (
	"fmt"
	"strings"

	"github.com/weir-kafka/weir/integration/checker"
	"github.com/weir-kafka/weir/integration/ledger"
)

// around is how many events a timeline shows before and after its moment.
const (
	around = 60
	behind = 12
)

// Timeline tells what happened to the partition of the first witness, and what
// was done to the members and brokers, around the moment at which it shows.
func Timeline(h *ledger.History, w checker.Witness) string {
	var lines []string
	at := 0
	for i := range h.Events {
		e := &h.Events[i]
		if e.Kind == ledger.Sampled || e.Kind == ledger.Heard || e.Kind == ledger.Taken || e.Topic != "" && e.Partition != w.Partition {
			continue
		}
		if i <= w.At {
			at = len(lines)
		}
		mark := "  "
		if i == w.At {
			mark = "> "
		}
		lines = append(lines, mark+describe(e))
	}
	from, to := max(at-around, 0), min(at+behind, len(lines))
	return strings.Join(lines[from:to], "\n")
}

func describe(e *ledger.Event) string {
	s := fmt.Sprintf("%10.3fs %-9s", e.At.Seconds(), e.Kind)
	if e.Instance > 0 {
		s += fmt.Sprintf(" #%d", e.Instance)
	}
	if e.Session > 0 {
		s += fmt.Sprintf(" session %d", e.Session)
	}
	switch e.Kind {
	case ledger.Effect:
		s += fmt.Sprintf(" offset %d key %q %s", e.Offset, e.Key, e.Outcome)
		if e.Unknown {
			s += ", and it was told otherwise"
		}
		if e.Outcome != ledger.Skipped {
			s += fmt.Sprintf(" (began %.3fs)", e.Began.Seconds())
		}
	case ledger.Commit:
		s += fmt.Sprintf(" %d by %s", e.Offset, e.Member)
	case ledger.Answer:
		s += fmt.Sprintf(" to %d: %s", e.Offset, map[bool]string{true: "accepted", false: e.Code}[e.Code == ""])
	case ledger.Revoked, ledger.Stopped:
		s += map[bool]string{true: " clean", false: " not clean"}[e.Clean]
	case ledger.Killed:
		s += fmt.Sprintf(" had exported %d duplicates", e.Bound)
	case ledger.Read:
		s += fmt.Sprintf(" %+v", *e.Reading)
	default:
	}
	if e.Note != "" {
		s += " " + e.Note
	}
	return s
}
