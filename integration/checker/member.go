package checker

import "github.com/weir-kafka/weir/integration/ledger"

// process is what is known of an instance.
func (c *check) process(n int) *instance {
	i := c.instances[n]
	if i == nil {
		i = &instance{}
		c.instances[n] = i
	}
	return i
}

// membership judges what a process does to its group by what was done to the
// process, whatever else goes on and however lately: nobody who was not asked to
// stop leaves, nobody who has a place begins a rebalance unless by giving something
// back, as the second half of a cooperative one, and nobody is thrown out unless
// the group forgot all.
func (c *check) membership(e *ledger.Event) {
	i := c.process(e.Instance)
	blame := func(what string) {
		c.blame(Membership, e.Partition, "instance %d %s at %s", e.Instance, what, e.At)
	}
	switch e.Kind { //nolint:exhaustive // the others are no business of a group
	case ledger.Joins:
		c.report.Figures["joins"]++
		if i.settled && !i.asked && !i.gave {
			blame("began a rebalance, unasked and with nothing given back,")
		}
		i.settled, i.asked, i.gave = false, false, false
	case ledger.Asked:
		i.asked = true
	case ledger.Settled:
		i.member, i.settled, i.forgotten = true, true, false
	case ledger.Leaves:
		if !i.stops {
			blame("left its group unasked")
		}
		i.member, i.settled = false, false
	case ledger.Out:
		c.report.Figures["told that they are no members"]++
		if i.member && !i.forgotten {
			blame("was thrown out of its group without a reason (" + e.Code + ")")
		}
		i.member, i.settled = false, false
		c.astray(e.Instance)
	}
}

// astray marks the sessions of a process that was told that it is out.
func (c *check) astray(instance int) {
	for _, p := range c.order {
		for _, s := range p.open {
			s.strayed = s.strayed || s.instance == instance
		}
	}
}

// forsaken judges a loss of a process whose group is seen: it must have been told.
func (c *check) forsaken(e *ledger.Event, s *session) {
	if i := c.process(e.Instance); i.member && !i.forgotten && !s.strayed {
		c.blame(Membership, e.Partition, "session %d of instance %d was given up for lost at %s, and the group had it", s.id, s.instance, e.At)
	}
}
