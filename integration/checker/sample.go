package checker

import (
	"maps"

	"github.com/weir-kafka/weir/integration/ledger"
)

// What a process may use beside its budget: see I8.
const (
	rssShare = 1.15
	rssFloor = 64 << 20
)

func (c *check) sampled(e *ledger.Event) {
	s := e.Sample
	if s == nil {
		return
	}
	c.report.Figures["samples"]++
	if s.Budget > 0 && s.HeldBytes > s.Budget {
		c.blame(Memory, e.Partition, "instance %d held %d bytes of %d at %s", e.Instance, s.HeldBytes, s.Budget, e.At)
	}
	if held, one := c.held(e.Instance); s.Still && held > s.Holding {
		c.blame(Memory, one.Partition, "instance %d counted %d bytes at %s, and held %d at least, among them %s", e.Instance, s.Holding, e.At, held, name(one.Record))
	}
	if most := int64(rssShare*float64(s.Budget)) + rssFloor; s.Budget > 0 && s.RSS > most {
		c.blame(Memory, e.Partition, "instance %d had %d bytes resident at %s, at most %d are allowed", e.Instance, s.RSS, e.At, most)
	}
	if s.Baseline > 0 && s.Goroutines > s.Baseline {
		c.blame(Leak, e.Partition, "%d goroutines are left, %d more than before", s.Goroutines, s.Goroutines-s.Baseline)
	}
}

// took notes that a process works at a record, in the session that it has.
func (c *check) took(e *ledger.Event) {
	p := c.part(e.Partition)
	r := p.at(e.Offset)
	if r == nil || r.Standing != ledger.Visible {
		return
	}
	for _, s := range p.open {
		if s.instance == e.Instance {
			s.taken[r] = true
		}
	}
}

// held is how many bytes an instance holds at least, and one record of those: what it
// works at in sessions that are open, and nobody has ever finished.
func (c *check) held(instance int) (bytes int64, one *record) {
	for _, p := range c.order {
		for _, s := range p.open {
			if s.instance != instance {
				continue
			}
			maps.DeleteFunc(s.taken, func(r *record, _ bool) bool { return r.done })
			for r := range s.taken {
				bytes += int64(r.Bytes)
				if one == nil || r.Offset < one.Offset {
					one = r
				}
			}
		}
	}
	return bytes, one
}

// read judges what is exported of a partition. While there are faults the
// process may not know better; but it must not know more than there is.
func (c *check) read(e *ledger.Event) {
	r := e.Reading
	if r == nil {
		return
	}
	p := c.part(e.Partition)
	was, again := p.last[e.Instance]
	p.last[e.Instance] = lastRead{c.n, *r}
	open, unaware := false, false
	for _, s := range p.open {
		if s.instance == e.Instance {
			open, unaware = true, s.fenced || s.cut || s.reset // after a reset it has committed nothing
		}
	}
	lie := func(what string, got int64, want ...any) {
		c.blame(Telemetry, e.Partition, "instance %d exported %s %d of %s/%d at %s, and it was %v",
			e.Instance, what, got, e.Topic, e.Partition.Partition, e.At, want)
	}
	switch {
	case !open && again && p.ended[e.Instance] < was.at:
		c.blame(Telemetry, e.Partition, "instance %d exported %s/%d at %s, which it had given back a scrape before", e.Instance, e.Topic, e.Partition.Partition, e.At)
		return
	case r.Committed > p.most:
		lie("committed", r.Committed, "never more than", p.most)
		return
	case !c.calm || !again || unaware: // it can not know yet
		return
	}
	unsaid := max(r.TrueCommitted-p.told, 0) // it was committed, and nobody was told, or not yet
	for _, v := range []struct {
		what            string
		got, want, then int64
		below, above    int64 // which are no lie either
	}{
		{"lag", r.Lag, r.TrueLag, was.reading.TrueLag, 0, unsaid},
		{"committed", r.Committed, r.TrueCommitted, was.reading.TrueCommitted, unsaid, 0},
		{"in flight", r.InFlight, r.TrueInFlight, was.reading.TrueInFlight, 0, 0},
	} {
		if v.want < 0 || v.then < 0 || v.got < 0 { // of a side that does not know there is no lie
			continue
		}
		if v.got < min(v.want, v.then)-v.below || v.got > max(v.want, v.then)+v.above {
			lie(v.what, v.got, v.then, "to", v.want)
		}
	}
}
