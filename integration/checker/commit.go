package checker

import (
	"time"

	"github.com/weir-kafka/weir/integration/ledger"
)

// commit is judged when the broker gets it.
func (c *check) commit(e *ledger.Event) {
	c.report.Figures["commits"]++
	c.asked[e.ID] = e.At
	p := c.part(e.Partition)
	p.most = max(p.most, e.Offset)
	for p.tried < len(p.recs) && p.recs[p.tried].Offset < e.Offset {
		if r := &p.recs[p.tried]; r.Standing == ledger.Visible && !r.done {
			r.passed = c.n + 1
		}
		p.tried++
	}
	code, answered := c.codes[e.ID], c.answered[e.ID]
	switch {
	case !answered, code == "REQUEST_TIMED_OUT": // nobody knows
		p.behind = max(p.behind, e.Offset)
	case code != "":
		c.report.Figures["commits refused"]++
		return
	default:
		if e.Offset < p.high {
			c.blame(CommitRegress, e.Partition, "%s/%d: %s committed %d at %s, after %d was committed", e.Topic, e.Partition.Partition, e.Member, e.Offset, e.At, p.high)
		}
		if e.Offset > p.high {
			c.progress(p, e)
		}
		p.high, p.behind = e.Offset, max(p.behind, e.Offset)
	}
}

// patience is how long whoever commits waits for the answer at least.
const patience = time.Second

// answer notes who knows of a commit, and what a refusal costs: the next commit is
// without the map of what is done beyond it, whoever has done it.
func (c *check) answer(e *ledger.Event) {
	if e.Code == "" && e.At-c.asked[e.ID] <= patience {
		c.part(e.Partition).told = e.Offset
	}
	if e.Code != "OFFSET_METADATA_TOO_LARGE" {
		return
	}
	for _, s := range c.part(e.Partition).all {
		s.mapless = true
	}
}

// reset is an operator, or another log: what was committed is so no more.
func (c *check) reset(e *ledger.Event) {
	p := c.part(e.Partition)
	p.high, p.told, p.behind, p.since = e.Offset, e.Offset, e.Offset, e.At
	for _, s := range p.all {
		s.reset = true
		clear(s.taken)
	}
}

// progress judges how long the partition had stood still.
func (c *check) progress(p *partition, e *ledger.Event) {
	c.still(p, e)
	p.since = max(p.since, e.At)
}

func (c *check) still(p *partition, e *ledger.Event) {
	if !c.calm || p.stuck || c.h.Progress == 0 || e.At-p.since <= c.h.Progress || !p.lags() {
		return
	}
	p.stuck = true
	c.blame(Stuck, p.Partition, "%s/%d had lag and stood still from %s to %s: committed %d of %d, %s",
		p.Topic, p.Partition.Partition, p.since, e.At, p.high, p.end(), p.missing())
}

// lags reports whether there is something to do.
func (p *partition) lags() bool { return p.behind < p.end() || p.missing() != nothing }

const nothing = "nothing missing"

// missing names the first record without an outcome.
func (p *partition) missing() string {
	for i := range p.recs {
		if r := &p.recs[i]; r.Standing == ledger.Visible && !r.done {
			return "missing " + name(r.Record)
		}
	}
	return nothing
}

// atEnd judges what never happened.
func (c *check) atEnd() {
	var last ledger.Event
	if n := len(c.h.Events); n > 0 {
		last = c.h.Events[n-1]
	}
	for _, p := range c.order {
		c.still(p, &last)
		if c.rest && !p.stuck && p.behind < p.end() && p.missing() == nothing {
			c.blame(Stuck, p.Partition, "%s/%d is said to be at rest and %d of %d are committed", p.Topic, p.Partition.Partition, p.behind, p.end())
		}
		for i := range p.recs {
			c.never(p, &p.recs[i])
		}
	}
}

func (c *check) never(p *partition, r *record) {
	if r.Standing != ledger.Visible || r.done {
		return
	}
	switch {
	case r.Offset < p.behind && r.Poison:
		c.blame(DeadLetterLost, p.Partition, "%s is poison, was committed, and is no dead letter", name(r.Record))
	case r.Offset < p.behind:
		c.blame(Lost, p.Partition, "%s was committed and never had an outcome", name(r.Record))
	case r.passed > 0:
		by := &c.h.Events[r.passed-1]
		c.blame(CommitAhead, p.Partition, "%s has no outcome, and %s asked to commit %d at %s, in vain", name(r.Record), by.Member, by.Offset, by.At)
	case c.rest:
		c.blame(Unseen, p.Partition, "%s has no outcome although everything is at rest", name(r.Record))
	}
}
