package checker

import (
	"fmt"
	"slices"
	"time"

	"github.com/weir-kafka/weir/integration/ledger"
)

// Options bends the judgement.
type Options struct {
	// Unfenced leaves out what a member does after another got its partition, while
	// it does not know: such effects are counted and not judged. A process that is
	// stopped between its look at the clock and its call makes the call when it goes
	// on, and nothing but a sink that fences can keep it from that.
	Unfenced bool
}

// Check judges h.
func Check(h *ledger.History, o Options) *Report {
	c := &check{
		h: h, o: o, parts: map[ledger.Partition]*partition{}, sessions: map[int]*session{}, instances: map[int]*instance{},
		codes: map[int64]string{}, asked: map[int64]time.Duration{}, answered: map[int64]bool{}, cut: map[int]bool{},
		report: &Report{Verdicts: judged(), Figures: map[string]int64{}, Classes: map[Class]int{}},
	}
	c.index()
	for i := range h.Events {
		c.n = i
		c.step(&h.Events[i])
	}
	c.n = len(h.Events)
	c.atEnd()
	return c.report
}

// check is one judgement in progress.
type check struct {
	h      *ledger.History
	o      Options
	report *Report

	parts     map[ledger.Partition]*partition
	order     []*partition // as they first appear
	sessions  map[int]*session
	instances map[int]*instance
	codes     map[int64]string
	asked     map[int64]time.Duration
	answered  map[int64]bool

	n      int // the event that is looked at
	calm   bool
	rest   bool
	faults int           // that reach the group, in force
	reason time.Duration // the last event that may end sessions
	any    bool          // there was one
	cut    map[int]bool
}

// index sorts what is known before the first event.
func (c *check) index() {
	letters := map[ledger.Partition]map[int64]bool{} // records that became dead letters
	for i := range c.h.Events {
		switch e := &c.h.Events[i]; {
		case e.Kind == ledger.Answer:
			c.answered[e.ID], c.codes[e.ID] = true, e.Code
		case e.Kind == ledger.Effect && e.Outcome == ledger.DeadLetter:
			if letters[e.Partition] == nil {
				letters[e.Partition] = map[int64]bool{}
			}
			letters[e.Partition][e.Offset] = true
		}
	}
	for i := range c.h.Records {
		r := &c.h.Records[i]
		p := c.part(r.Partition)
		p.recs = append(p.recs, record{Record: r})
	}
	for _, p := range c.order {
		slices.SortFunc(p.recs, func(a, b record) int { return int(a.Offset - b.Offset) })
		c.lanes(p, letters[p.Partition])
	}
	c.report.Figures["records"] = int64(len(c.h.Records))
}

// lanes puts the records that a sink takes in their order. What goes to the dead
// letters goes another way: the records behind it may be there before it.
func (c *check) lanes(p *partition, letters map[int64]bool) {
	lanes := map[string]*lane{}
	for i := range p.recs {
		r := &p.recs[i]
		key := r.Key
		if c.h.Ordered == "partition" {
			key = "all"
		}
		if key == "" || r.Standing != ledger.Visible || r.Poison || letters[r.Offset] {
			continue
		}
		l := lanes[key]
		if l == nil {
			l = &lane{known: map[*session]int{}}
			lanes[key] = l
		}
		r.lane, r.index = l, len(l.recs)
		l.recs = append(l.recs, r)
	}
}

func (c *check) part(id ledger.Partition) *partition {
	p := c.parts[id]
	if p == nil {
		p = &partition{Partition: id, last: map[int]lastRead{}, ended: map[int]int{}}
		c.parts[id] = p
		c.order = append(c.order, p)
	}
	return p
}

func (c *check) step(e *ledger.Event) {
	switch e.Kind {
	case ledger.Effect:
		c.effect(e)
	case ledger.Commit:
		c.commit(e)
	case ledger.Answer:
		c.answer(e)
	case ledger.Reset:
		c.reset(e)
	case ledger.Assigned:
		c.assigned(e)
	case ledger.Revoked, ledger.Lost:
		c.ended(e)
	case ledger.Start, ledger.Stop, ledger.Killed, ledger.Cut, ledger.Healed, ledger.Stopped:
		c.instance(e)
	case ledger.Heard:
		c.process(e.Instance).hears(e.At, e.Began)
	case ledger.Fault, ledger.Clear:
		c.fault(e)
	case ledger.Calm:
		c.calm = true
		for _, p := range c.order {
			p.since = e.At
		}
	case ledger.Rest:
		c.rest = true
	case ledger.Taken:
		c.took(e)
	case ledger.Sampled:
		c.sampled(e)
	case ledger.Read:
		c.read(e)
	}
}

// blame adds a witness.
func (c *check) blame(class Class, p ledger.Partition, format string, args ...any) {
	c.report.add(Witness{Class: class, Partition: p, At: c.n, Text: fmt.Sprintf(format, args...)})
}

// name is a record for the reader.
func name(r *ledger.Record) string {
	s := fmt.Sprintf("%s/%d/%d", r.Topic, r.Partition.Partition, r.Offset)
	if r.Key != "" {
		s += " of key " + r.Key
	}
	return s
}

// of names the instance and session of an event.
func of(e *ledger.Event) string {
	return fmt.Sprintf("instance %d in session %d at %s", e.Instance, e.Session, e.At)
}
