package main

import (
	"testing"

	"github.com/weir-kafka/weir/integration/checker"
	"github.com/weir-kafka/weir/integration/ledger"
)

// past is a history of one key in which the second of two members repeats what the
// first had done before it ended as it says.
func past(end ledger.Event) *ledger.History {
	p := ledger.Partition{Topic: "t"}
	h := &ledger.History{Ordered: "key", Records: []ledger.Record{{Partition: p, Key: "k", Hash: 7}}}
	effect := ledger.Event{Kind: ledger.Effect, Partition: p, Key: "k", Hash: 7, Outcome: ledger.Delivered}
	for n := 1; n <= 2; n++ {
		effect.Instance, effect.Session = n, n
		h.Events = append(h.Events, ledger.Event{Kind: ledger.Start, Instance: n},
			ledger.Event{Kind: ledger.Assigned, Instance: n, Session: n, Partition: p}, effect)
		if n == 1 {
			h.Events = append(h.Events, end)
		}
	}
	h.Events = append(h.Events, ledger.Event{Kind: ledger.Commit, Partition: p, Offset: 1, ID: 1})
	return h
}

func TestWhatIsRepeatedIsHeldToWhatWasAnnounced(t *testing.T) {
	p := ledger.Partition{Topic: "t"}
	for name, c := range map[string]struct {
		end   ledger.Event
		bound int64
		want  bool
	}{
		"within the bound":  {ledger.Event{Kind: ledger.Killed, Instance: 1, Bound: 1}, 1, true},
		"beyond the bound":  {ledger.Event{Kind: ledger.Killed, Instance: 1}, 0, false},
		"of another member": {ledger.Event{Kind: ledger.Killed, Instance: 1}, 1, false},
		"without a kill":    {ledger.Event{Kind: ledger.Revoked, Instance: 1, Session: 1, Partition: p}, 0, false},
	} {
		v := judge(checker.Check(past(c.end), checker.Options{}), 1, c.bound)
		if v.ok() != c.want || v.ok() != (len(v.witnesses) == 0) {
			t.Errorf("%s: ok is %v with %q, want %v", name, v.ok(), v.witnesses, c.want)
		}
	}
}

// verdicts are added up for the table: one that is bad stays bad.
func TestASumOfVerdictsKeepsWhatIsWrong(t *testing.T) {
	sum := verdict{bound: 100}
	sum.add(judge(checker.Check(past(ledger.Event{Kind: ledger.Killed, Instance: 1}), checker.Options{}), 1, 0))
	if sum.ok() {
		t.Errorf("%+v: the bound of one trial pays for another, want it bad", sum)
	}
}
