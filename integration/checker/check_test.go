package checker_test

import (
	"slices"
	"testing"
	"time"

	"github.com/weir-kafka/weir/integration/checker"
	"github.com/weir-kafka/weir/integration/ledger"
)

var part = ledger.Partition{Topic: "in", Partition: 0}

const (
	poison  = 6
	control = 7
	aborted = 8
	keyless = 9
)

// records are a0 b1 a2 b3 a4 b5, one at fault, two that are not to be seen, and
// one without a key.
func records() (recs []ledger.Record) {
	for o := range int64(10) {
		r := ledger.Record{Partition: part, Offset: o, Key: string(rune('a' + o%2)), Hash: uint64(100 + o), Bytes: int(50 + o)}
		switch o {
		case poison:
			r.Key, r.Poison = "p", true
		case control:
			r.Key, r.Hash, r.Standing = "", 0, ledger.Control
		case aborted:
			r.Standing = ledger.Aborted
		case keyless:
			r.Key = ""
		}
		recs = append(recs, r)
	}
	return recs
}

// story makes a history of events, a second apart.
func story(events ...[]ledger.Event) *ledger.History {
	h := &ledger.History{Ordered: "key", Progress: time.Minute, Grace: time.Minute, Records: records()}
	for i, e := range slices.Concat(events...) {
		e.At += time.Duration(i) * time.Second
		if e.Kind == ledger.Effect && e.Began == 0 {
			e.Began = e.At
		}
		h.Events = append(h.Events, e)
	}
	return h
}

func one(e ledger.Event) []ledger.Event { return []ledger.Event{e} }

func starts(instance, session int) []ledger.Event {
	return []ledger.Event{
		{Kind: ledger.Start, Instance: instance},
		{Kind: ledger.Assigned, Instance: instance, Session: session, Partition: part},
	}
}

// does is the right outcome of each offset.
func does(instance, session int, offsets ...int64) (events []ledger.Event) {
	recs := records()
	for _, o := range offsets {
		e := ledger.Event{
			Kind: ledger.Effect, Instance: instance, Session: session, Partition: part, Offset: o, Key: recs[o].Key,
			Hash: recs[o].Hash, Outcome: ledger.Delivered,
		}
		if o == poison {
			e.Outcome = ledger.DeadLetter
		}
		events = append(events, e)
	}
	return events
}

// with changes the last of events.
func with(events []ledger.Event, f func(e *ledger.Event)) []ledger.Event {
	f(&events[len(events)-1])
	return events
}

func unknown(e *ledger.Event) { e.Unknown = true }

func began(at time.Duration) func(e *ledger.Event) {
	return func(e *ledger.Event) { e.Began = at }
}

// within bounds for how long instances may hear nothing.
func within(silence time.Duration, h *ledger.History) *ledger.History {
	h.Silence = silence
	return h
}

// hears is an answer to what was asked at a time.
func hears(instance int, asked time.Duration) []ledger.Event {
	return one(ledger.Event{Kind: ledger.Heard, Instance: instance, Began: asked})
}

var ids int64

// commits is a commit with its answer; "none" for none.
func commits(offset int64, code string) []ledger.Event {
	ids++
	events := []ledger.Event{{Kind: ledger.Commit, ID: ids, Member: "m", Partition: part, Offset: offset}}
	if code != "none" {
		events = append(events, ledger.Event{Kind: ledger.Answer, ID: ids, Instance: 1, Partition: part, Offset: offset, Code: code})
	}
	return events
}

// late has a commit answered after two minutes.
func late(commit []ledger.Event) []ledger.Event {
	return append(commit[:1:1], later(2*time.Minute, commit[1:])...)
}

func ends(kind ledger.Kind, instance, session int, clean bool) []ledger.Event {
	return one(ledger.Event{Kind: kind, Instance: instance, Session: session, Partition: part, Clean: clean})
}

func killed(instance int, bound int64) []ledger.Event {
	return one(ledger.Event{Kind: ledger.Killed, Instance: instance, Bound: bound})
}

func kind(k ledger.Kind, instance int) []ledger.Event {
	return one(ledger.Event{Kind: k, Instance: instance})
}

func later(d time.Duration, events []ledger.Event) []ledger.Event {
	for i := range events {
		events[i].At += d
	}
	return events
}

func sample(s ledger.Sample) []ledger.Event {
	return one(ledger.Event{Kind: ledger.Sampled, Instance: 1, Sample: &s})
}

func takes(instance int, offsets ...int64) (events []ledger.Event) {
	for _, o := range offsets {
		events = append(events, ledger.Event{Kind: ledger.Taken, Instance: instance, Partition: part, Offset: o})
	}
	return events
}

func reads(r ledger.Reading) []ledger.Event {
	return one(ledger.Event{Kind: ledger.Read, Instance: 1, Partition: part, Reading: &r})
}

var (
	all  = []int64{0, 1, 2, 3, 4, 5, poison, keyless}
	rest = func() []ledger.Event { return kind(ledger.Rest, 0) }
)

func TestEachAnomalyHasItsClassAndItsNearMissHasNone(t *testing.T) {
	for _, c := range []struct {
		name  string
		class checker.Class // empty for a near miss
		h     *ledger.History
	}{
		{"all done", "", story(starts(1, 1), does(1, 1, all...), commits(10, ""), rest())},

		{"committed and never done", checker.Lost, story(starts(1, 1), does(1, 1, 0, 1, 2, 3, 5, poison, keyless), commits(10, ""), rest())},
		{"skipped is an outcome", "", story(starts(1, 1), does(1, 1, 0, 1, 2, 3, 5, poison, keyless), with(does(1, 1, 4), func(e *ledger.Event) {
			e.Outcome, e.Hash = ledger.Skipped, 0
		}), commits(10, ""), rest())},

		{"not committed and never done", checker.Unseen, story(starts(1, 1), does(1, 1, 0, 1, 2, 3, 4, 5, poison), commits(9, ""), rest())},
		{"not yet at rest", "", story(starts(1, 1), does(1, 1, 0, 1, 2, 3, 4, 5, poison), commits(9, ""))},

		{"an aborted record", checker.Phantom, story(starts(1, 1), does(1, 1, all...), does(1, 1, aborted), commits(10, ""), rest())},
		{"other bytes", checker.Phantom, story(starts(1, 1), with(does(1, 1, 0), func(e *ledger.Event) { e.Hash++ }), does(1, 1, all...), commits(10, ""), rest())},

		{"committed, then done", checker.CommitAhead, story(starts(1, 1), does(1, 1, 0, 1, 2), commits(4, ""), does(1, 1, 3))},
		{"refused, but asked for", checker.CommitAhead, story(starts(1, 1), does(1, 1, 0, 1, 2), commits(4, "ILLEGAL_GENERATION"))},
		{"committed up to what is done", "", story(starts(1, 1), does(1, 1, 0, 1, 2), commits(3, ""), does(1, 1, 3))},
		{"committed over what is not to be seen", "", story(starts(1, 1), does(1, 1, 0, 1, 2, 3, 4, 5, poison), commits(9, ""))},

		{"taken, then less", checker.CommitRegress, story(starts(1, 1), does(1, 1, 0, 1, 2, 3), commits(4, ""), commits(2, ""))},
		{"less, and refused", "", story(starts(1, 1), does(1, 1, 0, 1, 2, 3), commits(4, ""), commits(2, "UNKNOWN_MEMBER_ID"))},
		{"less after one that may not have arrived", "", story(starts(1, 1), does(1, 1, 0, 1, 2, 3), commits(4, "none"), commits(2, ""))},
		{"less after an operator's reset", "", story(starts(1, 1), does(1, 1, 0, 1, 2, 3), commits(4, ""),
			one(ledger.Event{Kind: ledger.Reset, Partition: part, Offset: 2}), commits(2, ""))},

		{"everything again after a reset", "", story(starts(1, 1), does(1, 1, 0, 1, 2, 3, keyless), commits(4, ""),
			one(ledger.Event{Kind: ledger.Reset, Partition: part}), does(1, 1, 0, 1, 2, 3, keyless), commits(4, ""))},
		{"out of order after a reset", checker.KeySkip, story(starts(1, 1), does(1, 1, 0), one(ledger.Event{Kind: ledger.Reset, Partition: part}), does(1, 1, 4))},

		{"a key ahead of itself", checker.KeySkip, story(starts(1, 1), does(1, 1, 0, 4))},
		{"another key ahead", "", story(starts(1, 1), does(1, 1, 0, 2, 4, 1))},
		{"ahead of a dead letter", "", story(starts(1, 1), does(1, 1, 0, 4), with(does(1, 1, 2), func(e *ledger.Event) { e.Outcome = ledger.DeadLetter }))},

		{"acknowledged and again", checker.KeyNonmonotonic, story(starts(1, 1), does(1, 1, 0, 2, 2))},
		{"without a key, acknowledged and again", checker.KeyNonmonotonic, story(starts(1, 1), does(1, 1, keyless, keyless))},
		{"back behind another", checker.KeyNonmonotonic, story(starts(1, 1), with(does(1, 1, 0), unknown), does(1, 1, 2, 0))},
		{"unknown and again", "", story(starts(1, 1), with(does(1, 1, 0), unknown), with(does(1, 1, 2), unknown), does(1, 1, 0, 2))},

		{"after a clean end", checker.Handover, story(starts(1, 1), does(1, 1, 0), commits(1, ""), ends(ledger.Revoked, 1, 1, true), starts(2, 2), does(2, 2, 2), does(1, 1, 4))},
		{"without a session", checker.Handover, story(starts(1, 1), does(1, 1, 0), does(1, 0, 2))},
		{"begun after the loss", checker.Handover, story(starts(1, 1), does(1, 1, 0), ends(ledger.Lost, 1, 1, false), starts(2, 2), does(2, 2, 0), does(1, 1, 2))},
		{"running when it was lost", "", story(starts(1, 1), does(1, 1, 0), ends(ledger.Lost, 1, 1, false), starts(2, 2), does(2, 2, 0), with(does(1, 1, 2), func(e *ledger.Event) {
			e.Began = time.Second
		}))},
		{"a member that does not know that it is out", checker.Handover, story(starts(1, 1), does(1, 1, 0), kind(ledger.Cut, 1), starts(2, 2), does(2, 2, 0), does(1, 1, 2))},
		{"begun while it was cut off, before another had got the partition", "", story(starts(1, 1), does(1, 1, 0), kind(ledger.Cut, 1), kind(ledger.Stop, 9), starts(2, 2), does(2, 2, 0),
			with(does(1, 1, 2), began(3*time.Second)))},
		{"begun once another had got the partition", checker.Handover, story(starts(1, 1), does(1, 1, 0), kind(ledger.Cut, 1), kind(ledger.Stop, 9), starts(2, 2), does(2, 2, 0),
			with(does(1, 1, 2), began(6*time.Second+1)))},

		{"begun a session after the last answer", checker.Handover, within(3*time.Second, story(starts(1, 1), hears(1, time.Second), does(1, 1, 0),
			with(does(1, 1, 2), began(4*time.Second))))},
		{"begun within a session after the last answer", "", within(3*time.Second, story(starts(1, 1), hears(1, time.Second), does(1, 1, 0),
			with(does(1, 1, 2), began(4*time.Second-1))))},
		{"ended a session after the last answer", "", within(3*time.Second, story(starts(1, 1), hears(1, time.Second), later(time.Minute, with(does(1, 1, 0), began(2*time.Second)))))},
		{"begun a session after what was answered was asked", checker.Handover, within(3*time.Second, story(starts(1, 1), does(1, 1, 0), does(1, 1, 2),
			hears(1, time.Second), does(1, 1, 4)))},
		{"begun before the answer, a session after the one before", checker.Handover, within(3*time.Second, story(starts(1, 1), later(3*time.Second, hears(1, 4*time.Second)),
			with(does(1, 1, 0), began(4*time.Second))))},
		{"begun a session after the start", checker.Handover, within(3*time.Second, story(starts(1, 1), with(does(1, 1, 0), began(3*time.Second))))},
		{"an answer to what was asked before changes nothing", "", within(3*time.Second, story(starts(1, 1), hears(1, 2*time.Second), hears(1, time.Second), with(does(1, 1, 0), began(4*time.Second))))},

		{"again after a clean end", checker.DupUnbounded, story(starts(1, 1), does(1, 1, 0), ends(ledger.Revoked, 1, 1, true), starts(2, 2), does(2, 2, 0))},
		{"again after an end that was not", "", story(starts(1, 1), does(1, 1, 0), ends(ledger.Revoked, 1, 1, false), starts(2, 2), does(2, 2, 0))},
		{"again after a map was refused", "", story(starts(1, 1), does(1, 1, 1), ends(ledger.Revoked, 1, 1, true), starts(2, 2),
			commits(0, "OFFSET_METADATA_TOO_LARGE"), ends(ledger.Revoked, 2, 2, true), starts(3, 3), does(3, 3, 1))},
		{"more than exported before the kill", checker.DupUnbounded, story(starts(1, 1), does(1, 1, 0, 1), killed(1, 1), starts(2, 2), does(2, 2, 0, 1))},
		{"as many as exported before the kill", "", story(starts(1, 1), does(1, 1, 0, 1), killed(1, 2), starts(2, 2), does(2, 2, 0, 1))},
		{"killed, and it was committed", checker.DupUnbounded, story(starts(1, 1), does(1, 1, 0), commits(1, ""), killed(1, 9), starts(2, 2), does(2, 2, 0))},
		{"killed, and the commit had no answer", "", story(starts(1, 1), does(1, 1, 0), commits(1, "none"), killed(1, 9), starts(2, 2), does(2, 2, 0))},

		{"poison committed without a dead letter", checker.DeadLetterLost, story(starts(1, 1), does(1, 1, 0, 1, 2, 3, 4, 5, keyless), commits(10, ""), rest())},
		{"a dead letter of other bytes", checker.DeadLetterLost, story(starts(1, 1), does(1, 1, all...), with(does(1, 1, poison), func(e *ledger.Event) { e.Hash++ }), commits(10, ""), rest())},
		{"the dead letter after those behind it", "", story(starts(1, 1), does(1, 1, 0, 1, 2, 3, 4, 5, keyless), does(1, 1, poison), commits(10, ""), rest())},

		{"still for too long", checker.Stuck, story(starts(1, 1), does(1, 1, 0), kind(ledger.Calm, 0), later(2*time.Minute, kind(ledger.Clear, 0)))},
		{"still, but while there were faults", "", story(starts(1, 1), does(1, 1, 0), later(2*time.Minute, kind(ledger.Calm, 0)), later(2*time.Minute, kind(ledger.Clear, 0)))},
		{"at rest and not committed", checker.Stuck, story(starts(1, 1), does(1, 1, all...), commits(5, ""), rest())},

		{"more than its budget", checker.Memory, story(sample(ledger.Sample{HeldBytes: 11, Budget: 10}))},
		{"its budget", "", story(sample(ledger.Sample{HeldBytes: 10, Budget: 10}))},
		{"holds more than it counts", checker.Memory, story(starts(1, 1), takes(1, 0, 1, 2), does(1, 1, 1), sample(ledger.Sample{Still: true, Holding: 101}))},
		{"holds what it counts", "", story(starts(1, 1), takes(1, 0, 1, 2, aborted), takes(1, 0), does(1, 1, 1), sample(ledger.Sample{Still: true, Holding: 102}))},
		{"counts at a moment at which something ran", "", story(starts(1, 1), takes(1, 0, 1, 2), sample(ledger.Sample{}))},
		{"holds nothing of a session that is over", "", story(starts(1, 1), takes(1, 0, 1, 2), ends(ledger.Lost, 1, 1, false), starts(1, 2), takes(1, 1), sample(ledger.Sample{Still: true, Holding: 51}))},
		{"resident beyond", checker.Memory, story(sample(ledger.Sample{Budget: 100 << 20, RSS: 180 << 20}))},
		{"resident within", "", story(sample(ledger.Sample{Budget: 100 << 20, RSS: 178 << 20}))},

		{"goroutines left", checker.Leak, story(sample(ledger.Sample{Goroutines: 4, Baseline: 3}))},
		{"no goroutine left", "", story(sample(ledger.Sample{Goroutines: 3, Baseline: 3}))},

		{"exported more than was committed", checker.Telemetry, story(starts(1, 1), does(1, 1, 0), commits(1, ""), reads(ledger.Reading{Committed: 2}))},
		{"exported what was committed", "", story(starts(1, 1), does(1, 1, 0), commits(1, ""), reads(ledger.Reading{Committed: 1}))},
		{"exported less than was committed", checker.Telemetry, story(starts(1, 1), kind(ledger.Calm, 0), does(1, 1, 0), commits(1, ""),
			reads(ledger.Reading{TrueCommitted: 1}), reads(ledger.Reading{TrueCommitted: 1}))},
		{"exported less than was committed without an answer", "", story(starts(1, 1), kind(ledger.Calm, 0), does(1, 1, 0), commits(1, "none"),
			reads(ledger.Reading{TrueCommitted: 1}), reads(ledger.Reading{TrueCommitted: 1}))},
		{"exported less than was committed with an answer that came too late", "", story(starts(1, 1), kind(ledger.Calm, 0), does(1, 1, 0), late(commits(1, "")),
			reads(ledger.Reading{TrueCommitted: 1}), reads(ledger.Reading{TrueCommitted: 1}))},
		{"a lag that counts what was committed without an answer", "", story(starts(1, 1), kind(ledger.Calm, 0), does(1, 1, 0), commits(1, "none"),
			reads(ledger.Reading{Lag: 1, TrueCommitted: 1}), reads(ledger.Reading{Lag: 1, TrueCommitted: 1}))},
		{"records in flight that are not there", checker.Telemetry, story(starts(1, 1), kind(ledger.Calm, 0), reads(ledger.Reading{}), reads(ledger.Reading{InFlight: 1}))},
		{"a lag that is over", checker.Telemetry, story(starts(1, 1), kind(ledger.Calm, 0), reads(ledger.Reading{Lag: 9}), reads(ledger.Reading{Lag: 9}))},
		{"a lag that was there a scrape ago", "", story(starts(1, 1), kind(ledger.Calm, 0), reads(ledger.Reading{Lag: 9, TrueLag: 9}), reads(ledger.Reading{Lag: 9}))},
		{"a lag that it does not know", "", story(starts(1, 1), kind(ledger.Calm, 0), reads(ledger.Reading{}), reads(ledger.Reading{Lag: -1}))},
		{"a partition that it had given back", checker.Telemetry, story(starts(1, 1), ends(ledger.Revoked, 1, 1, true), reads(ledger.Reading{}), reads(ledger.Reading{}))},
		{"a partition that it has just given back", "", story(starts(1, 1), reads(ledger.Reading{}), ends(ledger.Revoked, 1, 1, true), reads(ledger.Reading{}))},

		{"revoked for nothing", checker.Membership, story(starts(1, 1), later(2*time.Minute, ends(ledger.Revoked, 1, 1, true)))},
		{"a sink is no reason", checker.Membership, story(starts(1, 1), later(2*time.Minute, one(ledger.Event{Kind: ledger.Fault, Scope: ledger.ScopeSink})),
			later(2*time.Minute, ends(ledger.Revoked, 1, 1, true)))},
		{"revoked for a broker", "", story(starts(1, 1), one(ledger.Event{Kind: ledger.Fault, Scope: "group"}), later(2*time.Minute, ends(ledger.Revoked, 1, 1, true)))},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := checker.Check(c.h, checker.Options{})
			want := map[checker.Class]bool{}
			if c.class != "" {
				want[c.class] = true
			}
			for class := range r.Classes {
				if !want[class] {
					t.Errorf("got %s, want %q", class, c.class)
				}
			}
			if c.class != "" && r.Classes[c.class] == 0 {
				t.Errorf("got nothing, want %s", c.class)
			}
			if t.Failed() {
				t.Log(r)
			}
			for _, v := range r.Verdicts {
				if len(v.Witnesses) != min(v.Anomalies, 5) {
					t.Errorf("%s: %d witnesses of %d", v.Invariant, len(v.Witnesses), v.Anomalies)
				}
			}
		})
	}
}

func TestAMemberThatDoesNotKnowThatItIsOutMayBeLeftOut(t *testing.T) {
	h := story(starts(1, 1), does(1, 1, 0), kind(ledger.Cut, 1), starts(2, 2), does(2, 2, 0), does(1, 1, 2))
	if r := checker.Check(h, checker.Options{Unfenced: true}); !r.OK() {
		t.Errorf("got %s, want nothing", r)
	}
}

func TestWhatIsNotToBeSeenAtTheEndMustBeCommitted(t *testing.T) {
	for committed, want := range map[int64]int{aborted: 1, aborted + 1: 0} {
		h := story(starts(1, 1), does(1, 1, 0, 1, 2, 3, 4, 5, poison), commits(committed, ""), rest())
		h.Records = h.Records[:aborted+1]
		if r := checker.Check(h, checker.Options{}); r.Classes[checker.Stuck] != want {
			t.Errorf("committed %d of %d: got %s, want %d stuck", committed, aborted+1, r, want)
		}
	}
}

func TestAPartitionInOrderIsOneLane(t *testing.T) {
	h := story(starts(1, 1), does(1, 1, 0, 2, 1))
	h.Ordered = "partition"
	if r := checker.Check(h, checker.Options{}); r.Classes[checker.KeySkip] == 0 {
		t.Errorf("got %s, want key-skip", r)
	}
}
