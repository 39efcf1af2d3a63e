package checker

import (
	"slices"

	"github.com/weir-kafka/weir/integration/ledger"
)

// sessionOf returns the session of an effect, nil for none.
func (c *check) sessionOf(e *ledger.Event) *session { return c.sessions[e.Session] }

func (c *check) assigned(e *ledger.Event) {
	c.report.Figures["sessions"]++
	p := c.part(e.Partition)
	for _, s := range p.open { // the group thinks that it is over, and it does not know
		if !s.fenced {
			c.unreasoned(e, s, "went on while another had its partition")
			s.fenced, s.gone = true, e.At
		}
	}
	s := &session{id: e.Session, instance: e.Instance, order: len(p.all), began: p.high, cut: c.cut[e.Instance], taken: map[*record]bool{}}
	c.sessions[e.Session] = s
	p.open, p.all = append(p.open, s), append(p.all, s)
}

func (c *check) ended(e *ledger.Event) {
	p, s := c.part(e.Partition), c.sessions[e.Session]
	if s == nil || s.end != "" {
		return
	}
	s.end, s.at, s.clean = e.Kind, e.At, e.Clean
	p.open = slices.DeleteFunc(p.open, func(o *session) bool { return o == s })
	p.ended[e.Instance] = c.n
	what := "was revoked"
	switch {
	case e.Kind == ledger.Lost:
		what = "was lost"
	case !e.Clean:
		what = "ended with work undone or not committed"
	}
	c.unreasoned(e, s, what)
}

// unreasoned judges the end of a session that nothing had asked for.
func (c *check) unreasoned(e *ledger.Event, s *session, what string) {
	if c.faults > 0 || c.any && e.At-c.reason <= c.h.Grace {
		return
	}
	c.blame(Membership, e.Partition, "session %d of instance %d %s at %s without a reason", s.id, s.instance, what, e.At)
}

// handover judges an effect by whose partition it is.
func (c *check) handover(p *partition, r *record, s *session, e *ledger.Event) {
	switch {
	case s == nil:
		c.blame(Handover, e.Partition, "%s by %s, which had no session there", name(r.Record), of(e))
	case s.end == ledger.Killed:
		c.blame(Handover, e.Partition, "%s by %s after it was killed", name(r.Record), of(e))
	case s.end == ledger.Revoked && s.clean:
		c.blame(Handover, e.Partition, "%s by %s after that session had ended cleanly at %s", name(r.Record), of(e), s.at)
	case p.newest == nil || s.order >= p.newest.order:
	case s.fenced:
		c.report.Figures["effects of members that did not know they were out"]++
		if !c.o.Unfenced && e.Began > s.gone {
			c.blame(Handover, e.Partition, "%s by %s, begun at %s, after another had got the partition at %s",
				name(r.Record), of(e), e.Began, s.gone)
		}
	case s.end != "" && e.Began <= s.at: // it was running already
		c.report.Figures["effects that were in flight when a session ended"]++
	default:
		c.blame(Handover, e.Partition, "%s by %s, begun at %s, after session %d of instance %d had begun to work",
			name(r.Record), of(e), e.Began, p.newest.id, p.newest.instance)
	}
}

// instance notes what happens to a process.
func (c *check) instance(e *ledger.Event) {
	i := c.process(e.Instance)
	c.any, c.reason = true, e.At
	switch e.Kind {
	case ledger.Start:
		i.hears(e.At, e.At)
		return
	case ledger.Cut:
		c.cut[e.Instance] = true
	case ledger.Healed:
		delete(c.cut, e.Instance)
	case ledger.Killed:
		i.bound = e.Bound
	case ledger.Stopped:
		if !e.Clean {
			c.blame(Membership, e.Partition, "instance %d ended at %s with an error: %s", e.Instance, e.At, e.Note)
		}
		return
	default:
		return
	}
	for _, p := range c.order {
		for _, s := range p.all {
			if s.instance != e.Instance || s.end != "" {
				continue
			}
			s.cut = s.cut || e.Kind == ledger.Cut
			if e.Kind == ledger.Killed {
				s.end, s.at = ledger.Killed, e.At
				p.open = slices.DeleteFunc(p.open, func(o *session) bool { return o == s })
			}
		}
	}
}

func (c *check) fault(e *ledger.Event) {
	if e.Scope == ledger.ScopeSink {
		return
	}
	if e.Kind == ledger.Fault {
		c.faults++
	} else {
		c.faults--
	}
	c.any, c.reason = true, e.At
}
