package checker_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/weir-kafka/weir/integration/checker"
	"github.com/weir-kafka/weir/integration/ledger"
)

// group makes random histories that are as they must be: one partition that goes
// from member to member, each working on some keys at a time.
type group struct {
	rnd       *rand.Rand
	h         ledger.History
	now       time.Duration
	done      []bool // has an outcome, by offset
	acked     []bool // and whoever asked knows it
	by        []int  // the session that knows it
	session   int
	committed int64
}

func valid(rnd *rand.Rand) *ledger.History {
	g := &group{rnd: rnd, h: ledger.History{Ordered: "key", Progress: time.Hour, Grace: time.Hour}}
	n := 5 + rnd.IntN(40)
	for o := range n {
		r := ledger.Record{Partition: part, Offset: int64(o), Key: fmt.Sprint("k", rnd.IntN(4)), Hash: rnd.Uint64()}
		switch rnd.IntN(12) {
		case 0:
			r.Poison = true
		case 1:
			r.Standing = ledger.Aborted
		case 2:
			r.Key = ""
		}
		g.h.Records = append(g.h.Records, r)
	}
	g.done, g.acked, g.by = make([]bool, n), make([]bool, n), make([]int, n)
	for g.owe() {
		g.member()
	}
	g.add(ledger.Event{Kind: ledger.Calm})
	g.add(ledger.Event{Kind: ledger.Rest})
	return &g.h
}

func (g *group) add(e ledger.Event) {
	g.now += time.Millisecond
	e.At = g.now
	if e.Kind == ledger.Effect {
		e.Began = g.now
	}
	g.h.Events = append(g.h.Events, e)
}

// owe reports whether something is not done or not committed.
func (g *group) owe() bool { return g.next() < int64(len(g.done)) || g.committed < g.next() }

// next is up to where everything is acknowledged or not to be seen.
func (g *group) next() int64 {
	for o := range g.done {
		if !g.acked[o] && g.h.Records[o].Standing == ledger.Visible {
			return int64(o)
		}
	}
	return int64(len(g.done))
}

// member is one session from its start to its end.
func (g *group) member() {
	g.session++
	i := g.session
	g.add(ledger.Event{Kind: ledger.Start, Instance: i})
	g.add(ledger.Event{Kind: ledger.Assigned, Instance: i, Session: i, Partition: part})
	ending := g.rnd.IntN(4)
	for steps := 1 + g.rnd.IntN(60); steps > 0 && g.owe(); steps-- {
		if g.rnd.IntN(5) == 0 {
			g.commit(i, ending != 0 || g.rnd.IntN(2) == 0)
			continue
		}
		g.effect(i)
	}
	switch ending {
	case 0:
		g.add(ledger.Event{Kind: ledger.Killed, Instance: i, Bound: g.forget(i) + int64(g.rnd.IntN(3))})
	case 1:
		g.forget(i)
		g.add(ledger.Event{Kind: ledger.Lost, Instance: i, Session: i, Partition: part})
	default: // what is done beyond the commit is in its metadata
		g.commit(i, true)
		g.add(ledger.Event{Kind: ledger.Revoked, Instance: i, Session: i, Partition: part, Clean: true})
	}
}

// forget loses what a session did since the last commit, and nobody's else: that
// stands in the metadata of the commit.
func (g *group) forget(session int) (n int64) {
	for o := g.committed; o < int64(len(g.done)); o++ {
		if g.acked[o] && g.by[o] == session {
			g.acked[o] = false
			n++
		}
	}
	return n
}

func (g *group) commit(instance int, arrives bool) {
	at := g.next()
	if at <= g.committed {
		return
	}
	ids++
	g.add(ledger.Event{Kind: ledger.Commit, ID: ids, Instance: instance, Member: fmt.Sprint("m", instance), Partition: part, Offset: at})
	e := ledger.Event{Kind: ledger.Answer, ID: ids, Instance: instance, Partition: part, Offset: at}
	if arrives {
		g.committed = at
	} else {
		e.Code = "NOT_COORDINATOR"
	}
	g.add(e)
}

// effect is the next outcome of some key.
func (g *group) effect(instance int) {
	var ready []int
	busy := map[string]bool{}
	for o := range g.h.Records {
		r := &g.h.Records[o]
		if g.acked[o] || r.Standing != ledger.Visible {
			continue
		}
		if r.Key == "" || r.Poison || !busy[r.Key] {
			ready = append(ready, o)
		}
		busy[r.Key] = busy[r.Key] || !r.Poison
	}
	if len(ready) == 0 {
		return
	}
	o := ready[g.rnd.IntN(len(ready))]
	r := &g.h.Records[o]
	e := ledger.Event{
		Kind: ledger.Effect, Instance: instance, Session: instance, Partition: part, Offset: r.Offset, Key: r.Key, Hash: r.Hash,
		Outcome: ledger.Delivered, Unknown: g.rnd.IntN(6) == 0,
	}
	if r.Poison {
		e.Outcome = ledger.DeadLetter
	}
	g.done[o], g.acked[o], g.by[o] = true, !e.Unknown, instance
	g.add(e)
}

// A mutation changes one thing of a valid history, at event i of its kind. It
// returns false where it would change nothing that is promised.
type mutation struct {
	name string
	at   func(h *ledger.History, i int) bool
}

func mutations() []mutation {
	is := func(h *ledger.History, i int, k ledger.Kind) bool { return h.Events[i].Kind == k }
	return []mutation{
		{"an effect that was the only one is missing", func(h *ledger.History, i int) bool {
			if !is(h, i, ledger.Effect) || outcomes(h, h.Events[i].Offset) != 1 {
				return false
			}
			h.Events = slices.Delete(h.Events, i, i+1)
			return true
		}},
		{"an acknowledged effect twice", func(h *ledger.History, i int) bool {
			if !is(h, i, ledger.Effect) || h.Events[i].Unknown {
				return false
			}
			h.Events = slices.Insert(h.Events, i, h.Events[i])
			return true
		}},
		{"other bytes", func(h *ledger.History, i int) bool {
			h.Events[i].Hash++
			return is(h, i, ledger.Effect)
		}},
		{"another record's place in the key", func(h *ledger.History, i int) bool { return swapped(h, i) }},
		{"a commit of one more", func(h *ledger.History, i int) bool {
			if !is(h, i, ledger.Commit) {
				return false
			}
			o := h.Events[i].Offset
			h.Events[i].Offset++
			return int(o) < len(h.Records) && h.Records[o].Standing == ledger.Visible && before(h, i, o) == 0
		}},
		{"a taken commit of less than before", func(h *ledger.History, i int) bool {
			if !is(h, i, ledger.Commit) || !taken(h, h.Events[i].ID) {
				return false
			}
			for _, e := range h.Events[:i] {
				if e.Kind == ledger.Commit && taken(h, e.ID) && e.Offset > 0 {
					h.Events[i].Offset = e.Offset - 1
					return true
				}
			}
			return false
		}},
		{"the last taken commit is missing", func(h *ledger.History, i int) bool {
			if !is(h, i, ledger.Commit) || h.Events[i].Offset != int64(len(h.Records)) || h.Records[len(h.Records)-1].Standing != ledger.Visible || !taken(h, h.Events[i].ID) {
				return false
			}
			h.Events = slices.Delete(h.Events, i, i+1)
			return true
		}},
		{"a bound that is one less than what it bounds", func(h *ledger.History, i int) bool {
			return is(h, i, ledger.Killed) && tightened(h, i)
		}},
		{"an effect after the end of its session", func(h *ledger.History, i int) bool {
			if !is(h, i, ledger.Effect) || !h.Events[i].Unknown && outcomes(h, h.Events[i].Offset) == 1 {
				return false
			}
			end := slices.IndexFunc(h.Events, func(e ledger.Event) bool { return e.Kind == ledger.Revoked && e.Session == h.Events[i].Session })
			if end < i {
				return false
			}
			e := h.Events[i]
			h.Events = slices.Insert(h.Events, end+1, e)
			return true
		}},
	}
}

// outcomes counts those of an offset.
func outcomes(h *ledger.History, offset int64) int { return before(h, len(h.Events), offset) }

// before counts those among the first i events.
func before(h *ledger.History, i int, offset int64) (n int) {
	for _, e := range h.Events[:i] {
		if e.Kind == ledger.Effect && e.Offset == offset {
			n++
		}
	}
	return n
}

func taken(h *ledger.History, id int64) bool {
	return slices.ContainsFunc(h.Events, func(e ledger.Event) bool { return e.Kind == ledger.Answer && e.ID == id && e.Code == "" })
}

// swapped exchanges event i with the next of its key, if both are the only
// outcomes of their records.
func swapped(h *ledger.History, i int) bool {
	e := h.Events[i]
	if e.Kind != ledger.Effect || e.Key == "" || e.Outcome != ledger.Delivered || outcomes(h, e.Offset) != 1 {
		return false
	}
	for j := i + 1; j < len(h.Events); j++ {
		next := h.Events[j]
		if next.Kind != ledger.Effect || next.Key != e.Key || next.Outcome != ledger.Delivered {
			continue
		}
		if outcomes(h, next.Offset) != 1 || next.Session != e.Session {
			return false
		}
		h.Events[i], h.Events[j] = next, e
		return true
	}
	return false
}

// tightened lowers the bound of a kill below what was repeated after it.
func tightened(h *ledger.History, i int) bool {
	h.Events[i].Bound = 1 << 30
	n := checker.Check(h, checker.Options{}).Figures["repeated: killed"]
	kills := 0
	for _, e := range h.Events {
		if e.Kind == ledger.Killed {
			kills++
		}
	}
	h.Events[i].Bound = n - 1
	return kills == 1 && n > 0
}

func TestValidHistoriesPassAndEachMutationIsCaught(t *testing.T) {
	caught := map[string]int{}
	for seed := range uint64(120) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		h := valid(rnd)
		if r := checker.Check(h, checker.Options{}); !r.OK() {
			t.Fatalf("seed %d: a valid history fails:\n%s", seed, r)
		}
		for _, m := range mutations() {
			try(t, seed, h, m, rnd.IntN(len(h.Events)), caught)
		}
	}
	for _, m := range mutations() {
		if caught[m.name] < 10 {
			t.Errorf("%s: only %d histories to try it on", m.name, caught[m.name])
		}
	}
}

// try applies m at the first event from a random one on that it fits.
func try(t *testing.T, seed uint64, h *ledger.History, m mutation, from int, caught map[string]int) {
	t.Helper()
	for k := range h.Events {
		bad := *h
		bad.Events = slices.Clone(h.Events)
		i := (from + k) % len(h.Events)
		if !m.at(&bad, i) {
			continue
		}
		if r := checker.Check(&bad, checker.Options{}); r.OK() {
			t.Errorf("seed %d: %s at event %d (%+v) was not caught", seed, m.name, i, h.Events[i])
		}
		caught[m.name]++
		return
	}
}

// Whatever stands in a history, the checker ends, and says the same twice.
func FuzzCheck(f *testing.F) {
	for seed := range uint64(8) {
		f.Add(seed, uint64(0), uint8(0))
	}
	f.Fuzz(func(t *testing.T, seed, change uint64, n uint8) {
		rnd := rand.New(rand.NewPCG(seed, 1))
		h := valid(rnd)
		rnd = rand.New(rand.NewPCG(change, 2))
		for range n {
			i, j := rnd.IntN(len(h.Events)), rnd.IntN(len(h.Events))
			switch rnd.IntN(4) {
			case 0:
				h.Events[i], h.Events[j] = h.Events[j], h.Events[i]
			case 1:
				h.Events[i].Session = rnd.IntN(9)
			case 2:
				h.Events[i].Offset = int64(rnd.IntN(60)) - 5
			case 3:
				h.Events = append(h.Events, h.Events[i])
			}
		}
		if a, b := checker.Check(h, checker.Options{}).String(), checker.Check(h, checker.Options{}).String(); a != b {
			t.Errorf("got %s, then %s", a, b)
		}
	})
}
