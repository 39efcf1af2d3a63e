package consumer

import (
	"context"
	"slices"
	"time"
)

// pausedPoll is how often is polled while all partitions are paused: it brings no
// records, only errors. While the client has records it is not polled: it would throw
// away what it has of paused partitions, and fetch that again.
const pausedPoll = time.Second

// awaitRoom waits until the poll loop may poll and returns how many records it
// may take; 0 when ctx ended.
func (c *Consumer) awaitRoom(ctx context.Context) int {
	for ctx.Err() == nil {
		room := c.room()
		if room == 0 {
			c.hold()
		}
		c.gate.mu.Lock()
		state, changed := c.gate.state, c.gate.changed
		left := c.gate.left(&c.heldRecords)
		c.gate.mu.Unlock()
		if n := min(room, left); n > 0 && state == StateOpen {
			return n
		}
		if c.awaitChange(ctx, changed, state == StatePaused) && c.client.BufferedFetchRecords() == 0 {
			return 1
		}
	}
	return 0
}

// awaitChange waits until the state changes or ctx ends. With paused it returns
// true when it is time for a poll all the same.
func (c *Consumer) awaitChange(ctx context.Context, changed <-chan struct{}, paused bool) bool {
	var now <-chan time.Time
	if paused {
		t := time.NewTimer(pausedPoll)
		defer t.Stop()
		now = t.C
	}
	select {
	case <-changed:
	case <-ctx.Done():
	case <-now:
		return true
	}
	return false
}

// room is how many records may be taken: of those that the client has fetched
// already as many as fit, else as many as would if they cost what others did.
// One always may while nothing is held, however small the budget: a batch of
// the broker's may be larger than all of it.
func (c *Consumer) room() int {
	held := c.held.Load()
	room := int64(highMark*float64(c.cfg.Memory)) - held
	cost := c.fetches.recordCost()
	if fetched := c.client.BufferedFetchRecords(); fetched > 0 {
		cost = max(c.ahead()/fetched, 1)
	}
	n := max(room/cost, 0)
	if held == 0 {
		n = max(n, 1)
	}
	return int(n)
}

// hold closes the gate; the reconciler opens it.
func (c *Consumer) hold() {
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	if c.gate.state != StateOpen {
		return
	}
	c.gate.set(StateHold, []string{"memory"}, c.now())
}

// rule applies a ruling to the gate, unless the poll loop changed it meanwhile.
func (c *Consumer) rule(v view, r ruling) {
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	c.gate.sinks = v.sinks
	c.gate.allow(v.records, v.most())
	if c.gate.state != v.state {
		return
	}
	if c.gate.state != r.state {
		c.log.Debug("pressure", "state", r.state, "reasons", r.reasons, "held_bytes", v.held)
		c.metrics.states.WithLabelValues(string(r.state)).Inc()
	}
	if v.state == StatePaused && r.state == StateOpen && v.behind() {
		c.gate.resumed = v.now
	}
	c.gate.set(r.state, r.reasons, v.now)
	c.gate.cramped.Store(r.state != StateOpen && v.room == 0 && float64(v.held) < lowMark*float64(v.budget))
}

// behind reports whether a partition has records that can be fetched.
func (v *view) behind() bool {
	return slices.ContainsFunc(v.parts, func(p partView) bool { return p.behind })
}

// settle tells the rest of the consumer what changed in a partition.
func (c *Consumer) settle(p *partition, s settled) {
	c.free(s.bytes, s.records)
	if s.made != 0 {
		c.crew.made(s.made)
	}
	c.tenants.left(s.slot, s.records, s.sizes, s.records)
	c.openTenants()
	if s.done > 0 {
		c.totals.done.Add(s.done)
	}
	if s.ready {
		c.crew.offer(c.work, p)
	}
	if !s.due.IsZero() {
		c.alarm.set(s.due)
	}
	if s.over != nil {
		c.batches.put(s.over)
	}
}

// free gives bytes and records back to the budget.
func (c *Consumer) free(bytes, records int64) {
	if bytes == 0 && records == 0 {
		return
	}
	c.gate.ended(c.heldRecords.Add(-records))
	after := c.held.Add(-bytes)
	c.noteMax(after)
	low := int64(lowMark * float64(c.cfg.Memory))
	if after+bytes >= low && after < low || c.gate.cramped.Load() {
		c.reconcileSoon()
	}
}

// noteMax keeps the most that was ever held.
func (c *Consumer) noteMax(held int64) {
	for most := c.totals.maxHeld.Load(); held > most && !c.totals.maxHeld.CompareAndSwap(most, held); {
		most = c.totals.maxHeld.Load()
	}
}
