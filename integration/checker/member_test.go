package checker_test

import (
	"testing"
	"time"

	"github.com/weir-kafka/weir/integration/checker"
	"github.com/weir-kafka/weir/integration/ledger"
)

// says is what instance 1 and its group say to each other.
func says(kinds ...ledger.Kind) (events []ledger.Event) {
	for _, k := range kinds {
		events = append(events, ledger.Event{Kind: k, Instance: 1})
	}
	return events
}

func fault(k ledger.Kind, scope string) []ledger.Event {
	return one(ledger.Event{Kind: k, Scope: scope})
}

// A reason for one member's part in a rebalance is none for another's, nor is what
// happened a moment before: everything here is within the grace of a start.
func TestWhatAMemberDoesToItsGroupHasAReasonOfItsOwn(t *testing.T) {
	const join, asked, settled, leave, out = ledger.Joins, ledger.Asked, ledger.Settled, ledger.Leaves, ledger.Out
	begun := func() []ledger.Event { return append(starts(1, 1), says(join, settled)...) }
	forget := func() []ledger.Event {
		return append(fault(ledger.Fault, ledger.ScopeForget), fault(ledger.Clear, ledger.ScopeForget)...)
	}
	for name, c := range map[string]struct {
		bad bool
		h   *ledger.History
	}{
		"it joins":                             {false, story(begun())},
		"it asks twice for one place":          {false, story(starts(1, 1), says(join, join, settled))},
		"it joins again, asked to":             {false, story(begun(), says(asked, join, settled))},
		"it joins again, asked while it did":   {false, story(starts(1, 1), says(join, asked, settled, join, settled))},
		"it joins again, having given back":    {false, story(begun(), ends(ledger.Revoked, 1, 1, true), says(join, settled))},
		"it joins again, for nothing":          {true, story(begun(), says(join, settled))},
		"it joins a third time, for nothing":   {true, story(begun(), says(asked, join, settled, join))},
		"it gave back before it last joined":   {true, story(begun(), ends(ledger.Revoked, 1, 1, true), says(join, settled, join))},
		"another has given back":               {true, story(begun(), starts(2, 2), ends(ledger.Revoked, 2, 2, true), says(join))},
		"it joins under pressure":              {true, story(begun(), fault(ledger.Fault, ledger.ScopeSink), says(join))},
		"it joins while another is frozen":     {true, story(begun(), fault(ledger.Fault, "group"), says(join))},
		"it leaves, asked to stop":             {false, story(begun(), says(ledger.Stop, leave))},
		"it leaves under pressure":             {true, story(begun(), fault(ledger.Fault, ledger.ScopeSink), says(leave))},
		"it leaves as another stops":           {true, story(begun(), kind(ledger.Stop, 2), says(leave))},
		"it is thrown out":                     {true, story(begun(), says(out, join, settled))},
		"it is thrown out before it is in":     {false, story(starts(1, 1), says(join, out, join, settled))},
		"it is told twice that it is out":      {false, story(begun(), forget(), says(out, out, join, out, join, settled))},
		"the group has forgotten it":           {false, story(begun(), forget(), says(out, join, settled))},
		"and an old answer was on its way":     {false, story(begun(), fault(ledger.Fault, ledger.ScopeForget), says(settled), fault(ledger.Clear, ledger.ScopeForget), says(out))},
		"the group had forgotten it, long ago": {true, story(begun(), forget(), says(out, join, settled, out))},
		"a broker that forgets nobody":         {true, story(begun(), fault(ledger.Fault, "group"), says(out))},
		"it loses what the group took":         {false, story(begun(), forget(), says(out), ends(ledger.Lost, 1, 1, false))},
		"it loses it when it has joined":       {false, story(begun(), forget(), says(out, join, settled), ends(ledger.Lost, 1, 1, false))},
		"it gives up what is its own":          {true, story(begun(), ends(ledger.Lost, 1, 1, false))},
	} {
		t.Run(name, func(t *testing.T) {
			c.h.Grace = time.Hour
			r := checker.Check(c.h, checker.Options{})
			want := map[bool]int{true: 1}[c.bad]
			if got := r.Classes[checker.Membership]; got != want || len(r.Classes) > want {
				t.Errorf("got %v, want %d of %s\n%s", r.Classes, want, checker.Membership, r)
			}
		})
	}
}
