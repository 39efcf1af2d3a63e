package checker

import "github.com/weir-kafka/weir/integration/ledger"

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
	if most := int64(rssShare*float64(s.Budget)) + rssFloor; s.Budget > 0 && s.RSS > most {
		c.blame(Memory, e.Partition, "instance %d had %d bytes resident at %s, at most %d are allowed", e.Instance, s.RSS, e.At, most)
	}
	if s.Baseline > 0 && s.Goroutines > s.Baseline {
		c.blame(Leak, e.Partition, "%d goroutines are left, %d more than before", s.Goroutines, s.Goroutines-s.Baseline)
	}
}

// read judges what is exported of a partition. While there are faults the
// process may not know better, and whoever noted the truth says that nobody does;
// but it must not know more than there is.
func (c *check) read(e *ledger.Event) {
	r := e.Reading
	if r == nil {
		return
	}
	p := c.part(e.Partition)
	was, again := p.last[e.Instance]
	p.last[e.Instance] = lastRead{c.n, p.told, *r}
	open, unaware := false, false
	for _, s := range p.open {
		if s.instance == e.Instance {
			open, unaware = true, s.fenced || s.cut || s.reset // after a reset it has committed nothing
		}
	}
	switch {
	case !open && again && p.ended[e.Instance] < was.at:
		c.blame(Telemetry, e.Partition, "instance %d exported %s/%d at %s, which it had given back a scrape before", e.Instance, e.Topic, e.Partition.Partition, e.At)
	case r.Committed > 0 && !p.commits[r.Committed]:
		c.blame(Telemetry, e.Partition, "instance %d exported committed %d of %s/%d at %s, which nobody has committed", e.Instance, r.Committed, e.Topic, e.Partition.Partition, e.At)
	case again && !unaware:
		c.compare(e, p, &was)
	}
}

// compare judges a reading by the truth now and at the reading before. What is
// committed, and the end of the log, only grow: the process may know what they were
// at any moment between. What was committed and nobody was told of, or not yet, it
// can not know.
func (c *check) compare(e *ledger.Event, p *partition, was *lastRead) {
	r, then := e.Reading, &was.reading
	if r.TrueCommitted < 0 || then.TrueCommitted < 0 {
		return
	}
	within := func(what string, got, least, most int64) {
		if got < 0 { // of a side that does not know there is no lie
			return
		}
		c.report.Figures["readings of "+what]++
		if got < least || got > most {
			c.blame(Telemetry, e.Partition, "instance %d exported %s %d of %s/%d at %s, and it was %d to %d",
				e.Instance, what, got, e.Topic, e.Partition.Partition, e.At, least, most)
		}
	}
	least, most := min(was.told, p.told), r.TrueCommitted
	within("committed", r.Committed, least, most)
	if r.TrueLag >= 0 && then.TrueLag >= 0 {
		end := r.TrueCommitted + r.TrueLag
		within("lag", r.Lag, then.TrueCommitted+then.TrueLag-most, end-least)
		within("in flight", r.InFlight, 0, end-least)
	}
	if r.TrueInFlight >= 0 && then.TrueInFlight >= 0 {
		within("in flight", r.InFlight, min(r.TrueInFlight, then.TrueInFlight), max(r.TrueInFlight, then.TrueInFlight))
	}
}
