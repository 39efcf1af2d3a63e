package consumer

import (
	"errors"
	"time"
)

// Explain reports the state of the consumer and of every partition, and why. It
// is safe to call at any time, from any goroutine.
func (c *Consumer) Explain() Report {
	r := Report{
		Name: c.cfg.Name, Group: c.cfg.Kafka.Group, State: StateOpen,
		HeldBytes: c.held.Load(), BudgetBytes: int64(c.cfg.Memory), HeldRecords: c.heldRecords.Load(),
		Rebalances: c.rebalances.Load(), Pauses: c.totals.pauses.Load(),
	}
	r.Member, _ = c.membership()
	c.gate.mu.Lock()
	r.State, r.Reasons = c.gate.state, append([]string{}, c.gate.reasons...)
	r.TimeIn = c.gate.times(c.now())
	sinks := c.gate.sinks
	c.gate.mu.Unlock()
	if c.draining.Load() {
		r.State = StateDraining
	}
	var written int64
	for _, s := range c.stages {
		r.Sinks = append(r.Sinks, s.report(sinks))
		written += s.written.Load()
	}
	now := c.now()
	for _, p := range c.partitions() {
		pr := p.report(now)
		r.DuplicatesIfKilled += pr.DuplicatesIfKilled
		r.Partitions = append(r.Partitions, pr)
	}
	r.DuplicatesIfKilled += c.commitPace.ahead(c.totals.done.Load())
	r.Tenants = c.tenants.report()
	t := &c.totals
	r.Totals = Totals{
		Polled: t.polled.Load(), Done: t.done.Load(), Written: written, Retried: t.retried.Load(),
		DeadLetters: t.deadLetters.Load(), Skipped: t.skipped.Load(), Dropped: t.dropped.Load(), MaxHeld: t.maxHeld.Load(),
	}
	return r
}

func (p *partition) report(now time.Time) PartitionReport {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := PartitionReport{
		Topic: p.topic, Partition: p.partition, State: p.state, Reasons: append([]string{}, p.reasons...),
		Oldest: -1, LanesBusy: p.lanes.Busy(), HeldRecords: p.records, HeldBytes: p.held,
		Committed: max(p.committed, p.floor), DoneBeyond: int64(p.tracker.Beyond()), Lag: -1,
		DuplicatesIfKilled: p.uncommitted + p.active,
	}
	if p.fetchErr != nil {
		r.Reasons = append(r.Reasons, "fetch: "+p.fetchErr.Error())
	}
	if oldest, ok := p.tracker.Oldest(); ok {
		r.Oldest = oldest
		r.OldestAge = p.age(oldest, now)
	}
	if p.end >= 0 && p.committed >= 0 {
		r.Lag = max(p.end-r.Committed, 0)
	}
	return r
}

// age is how long the record at oldest has been the oldest that is not done, as
// far as anybody looked: housekeeping does once a second.
func (p *partition) age(oldest int64, now time.Time) time.Duration {
	if oldest != p.oldestOffset || p.oldestSince.IsZero() {
		p.oldestOffset, p.oldestSince = oldest, now
	}
	return now.Sub(p.oldestSince)
}

// Ready returns nil while the consumer is a member of its group and its poll
// loop turns, and otherwise says what is missing. A sink that is down does not
// make a consumer unready: all replicas would leave together.
func (c *Consumer) Ready() error {
	switch {
	case c.draining.Load():
		return errors.New("draining")
	case !c.running.Load():
		return errors.New("not running")
	case !c.joined.Load():
		return errors.New("not yet a member of the group")
	}
	return nil
}
