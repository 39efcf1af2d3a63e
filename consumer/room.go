package consumer

import (
	"context"
	"sync"
	"time"
)

// gate is the ruling that the poll loop waits at.
type gate struct {
	mu      sync.Mutex
	state   State
	reasons []string
	since   time.Time
	opened  chan struct{} // closed when the state leaves hold
}

// awaitRoom waits until the poll loop may poll and returns how many records it
// may take; 0 when ctx ended. While all partitions are
// paused polling goes on: it brings no records, only errors.
func (c *Consumer) awaitRoom(ctx context.Context) int {
	for ctx.Err() == nil {
		room := c.room()
		if room == 0 {
			c.hold()
		}
		c.gate.mu.Lock()
		state, opened := c.gate.state, c.gate.opened
		c.gate.mu.Unlock()
		switch {
		case state == StatePaused && room == 0:
			return 1
		case state != StateHold && room != 0:
			return room
		}
		select {
		case <-opened:
		case <-ctx.Done():
		}
	}
	return 0
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

func (g *gate) set(s State, reasons []string, now time.Time) {
	g.reasons = reasons
	if g.state == s {
		return
	}
	if s == StateHold {
		g.opened = make(chan struct{})
	} else if g.state == StateHold {
		close(g.opened)
	}
	g.state, g.since = s, now
}

// rule applies a ruling to the gate, unless the poll loop changed it meanwhile.
func (c *Consumer) rule(v view, r ruling) {
	c.gate.mu.Lock()
	defer c.gate.mu.Unlock()
	if c.gate.state != v.state {
		return
	}
	if c.gate.state != r.state {
		c.log.Debug("pressure", "state", r.state, "reasons", r.reasons, "held_bytes", v.held)
		c.metrics.states.WithLabelValues(string(r.state)).Inc()
	}
	c.gate.set(r.state, r.reasons, v.now)
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
	c.heldRecords.Add(-records)
	after := c.held.Add(-bytes)
	c.noteMax(after)
	low := int64(lowMark * float64(c.cfg.Memory))
	if after+bytes > low && after <= low {
		c.reconcileSoon()
	}
}

// noteMax keeps the most that was ever held.
func (c *Consumer) noteMax(held int64) {
	for most := c.totals.maxHeld.Load(); held > most && !c.totals.maxHeld.CompareAndSwap(most, held); {
		most = c.totals.maxHeld.Load()
	}
}
