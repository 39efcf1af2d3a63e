package checker

import "github.com/weir-kafka/weir/integration/ledger"

// effect is an outcome of a record.
func (c *check) effect(e *ledger.Event) {
	c.report.Figures["outcomes "+string(e.Outcome)]++
	p := c.part(e.Partition)
	r := p.at(e.Offset)
	if r == nil || r.Standing == ledger.Aborted || r.Standing == ledger.Control {
		c.blame(Phantom, e.Partition, "%s/%d/%d by %s was never to be seen", e.Topic, e.Partition.Partition, e.Offset, of(e))
		return
	}
	c.progress(p, e)
	if e.Outcome == ledger.Skipped { // without an effect: it may be skipped before what stands ahead of it is written
		c.done(p, r, e)
		return
	}
	intact := e.Hash == r.Hash && e.Key == r.Key
	s := c.sessionOf(e)
	c.handover(p, r, s, e)
	c.silence(r, e)
	if e.Outcome == ledger.DeadLetter {
		c.deadLetter(p, r, s, e, intact)
		return
	}
	if !intact {
		c.blame(Phantom, e.Partition, "%s by %s had other bytes than were written", name(r.Record), of(e))
		return
	}
	if r.lane != nil {
		c.inOrder(r, s, e)
	} else if s != nil && !s.reset && r.last.session == s && !r.last.unknown && r.Standing == ledger.Visible {
		c.blame(KeyNonmonotonic, e.Partition, "%s by %s, again in the same session although it had been acknowledged", name(r.Record), of(e))
	}
	c.repeated(r, &r.last, s, e)
	if !r.Poison {
		c.done(p, r, e)
	}
	if p.newest == nil || s != nil && s.order > p.newest.order {
		p.newest = s
	}
}

func (c *check) deadLetter(p *partition, r *record, s *session, e *ledger.Event, intact bool) {
	if !intact {
		c.blame(DeadLetterLost, e.Partition, "%s was kept by %s with another key or other bytes", name(r.Record), of(e))
		return
	}
	if !r.Poison {
		c.report.Figures["dead letters that are no poison"]++
	}
	if s != nil && !s.reset && r.letter.session == s && !r.letter.unknown {
		c.blame(DupUnbounded, e.Partition, "dead letter %s by %s, again in the same session although it had been acknowledged", name(r.Record), of(e))
	}
	c.repeated(r, &r.letter, s, e)
	c.done(p, r, e)
}

// done notes that r has an outcome.
func (c *check) done(p *partition, r *record, e *ledger.Event) {
	if r.done {
		return
	}
	r.done = true
	if r.lane != nil {
		r.lane.advance()
	}
	if r.passed > 0 {
		by := &c.h.Events[r.passed-1]
		c.blame(CommitAhead, p.Partition, "%s had its outcome at %s, after %s had committed %d at %s",
			name(r.Record), e.At, by.Member, by.Offset, by.At)
		r.passed = 0
	}
}

// inOrder judges an effect by the order of its key.
func (c *check) inOrder(r *record, s *session, e *ledger.Event) {
	l := r.lane
	if known, any := l.known[s]; any && r.index <= known && !s.reset {
		c.blame(KeyNonmonotonic, e.Partition, "%s by %s after %s of the same session had been acknowledged",
			name(r.Record), of(e), name(l.recs[known].Record))
	}
	if r.index > l.next {
		c.blame(KeySkip, e.Partition, "%s by %s before %s had an outcome", name(r.Record), of(e), name(l.recs[l.next].Record))
	}
	if known, any := l.known[s]; !e.Unknown && (!any || r.index > known) {
		l.known[s] = r.index
	}
}

// repeated charges an effect that was there before to its one cause.
func (c *check) repeated(r *record, last *effect, s *session, e *ledger.Event) {
	was := *last
	if s == nil {
		return
	}
	if was.session == nil || s.order >= was.session.order {
		*last = effect{s, e.Unknown}
	}
	if was.session == nil || was.session == s || s.order < was.session.order || r.Standing != ledger.Visible {
		return // of one session, or of one that is over: judged elsewhere
	}
	if r.Offset < s.began && was.session.cause() != "reset" {
		c.blame(DupUnbounded, e.Partition, "%s by %s, although %d was committed before that session began", name(r.Record), of(e), s.began)
		return
	}
	cause := was.session.cause()
	if was.unknown {
		cause = "unknown outcome"
	}
	if cause == "" {
		c.blame(DupUnbounded, e.Partition, "%s by %s, which session %d of instance %d had done, and ended cleanly",
			name(r.Record), of(e), was.session.id, was.session.instance)
		return
	}
	c.report.Figures["repeated: "+cause]++
	if i := c.instances[was.session.instance]; cause == "killed" && i != nil {
		if i.repeated++; i.repeated == i.bound+1 {
			c.blame(DupUnbounded, e.Partition, "%s by %s is repetition %d of what instance %d had done; it had exported %d before it was killed",
				name(r.Record), of(e), i.repeated, was.session.instance, i.bound)
		}
	}
}
