package consumer

import (
	"context"
	"time"

	"github.com/weir-kafka/weir/internal/crash"
)

// reconcileEvery is how often pressure is decided without a cause. Edges are
// acted on at once where they matter: the poll loop looks at the held bytes
// before each poll.
const reconcileEvery = 100 * time.Millisecond

// reconcileLoop keeps what is paused equal to what should be.
func (c *Consumer) reconcileLoop(ctx context.Context) {
	t := time.NewTicker(reconcileEvery)
	defer t.Stop()
	for round := 0; ; {
		select {
		case <-t.C:
			round++
			c.lookForDeaf()
		case <-c.recheck: // often, while memory is what limits: the house is kept by the clock
			c.reconcile(true)
			continue
		case <-ctx.Done():
			return
		}
		c.reconcile(round%10 == 0)
		for _, s := range c.stages {
			s.sayLimit()
		}
		if round%10 == 0 {
			c.tune()
			c.watchGroup()
			for _, p := range c.partitions() {
				p.keepHouse()
			}
		}
	}
}

func (c *Consumer) reconcileSoon() {
	select {
	case c.recheck <- struct{}{}:
	default:
	}
}

// reconcile decides pressure and acts on what changed. With whole it also
// compares with what the client really has paused, because pauses survive a
// rebalance in the client and not here.
func (c *Consumer) reconcile(whole bool) {
	c.tenants.due()
	c.openTenants()
	parts := c.partitions()
	v := c.view(parts)
	r := decide(v)
	pause, resume := map[string][]int32{}, map[string][]int32{}
	var actual map[string]map[int32]bool
	if whole {
		actual = pausedSet(c.client.PauseFetchPartitions(nil))
	}
	for i, p := range parts {
		was, ours := p.decided(r.parts[i], r.state, v.now)
		if !ours {
			continue
		}
		if whole {
			was = actual[p.topic][p.partition]
		}
		switch want := r.parts[i].paused; {
		case want && !was:
			pause[p.topic] = append(pause[p.topic], p.partition)
			c.totals.pauses.Add(1)
			c.metrics.pauses.Inc()
		case !want && was:
			resume[p.topic] = append(resume[p.topic], p.partition)
		}
	}
	// A poll throws away what the client has of paused partitions: so the gate is opened
	// after they are resumed, and closed before they are paused.
	if len(resume) > 0 {
		c.client.ResumeFetchPartitions(resume)
		c.log.Info("partitions resumed", "partitions", names(resume))
	}
	c.rule(v, r)
	if len(pause) > 0 {
		c.client.PauseFetchPartitions(pause)
		crash.At(crash.Paused)
		c.log.Info("partitions paused", "partitions", names(pause), "reasons", r.reasons)
	}
}

// decided stores the ruling and returns whether the partition was paused before;
// of one that is given back nothing is decided any more.
func (p *partition) decided(r partRuling, all State, now time.Time) (was, ours bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.life != live {
		return false, false
	}
	was = p.state == StatePaused
	p.reasons, p.over = r.reasons, r.over
	switch {
	case r.paused:
		if !was {
			p.pausedAt = now
		}
		p.state = StatePaused
	default:
		p.state = all
	}
	return was, true
}

func pausedSet(m map[string][]int32) map[string]map[int32]bool {
	set := make(map[string]map[int32]bool, len(m))
	for topic, ps := range m {
		set[topic] = make(map[int32]bool, len(ps))
		for _, n := range ps {
			set[topic][n] = true
		}
	}
	return set
}

// view gathers what pressure is decided from.
func (c *Consumer) view(parts []*partition) view {
	v := view{now: c.now(), held: c.held.Load(), records: c.heldRecords.Load(), budget: int64(c.cfg.Memory), room: c.room(), deaf: c.crew.watch.deafCalls(), silent: c.watchdog.fence.shut()}
	v.tenant = c.tenants.over(v.budget)
	c.gate.mu.Lock()
	v.state, v.since = c.gate.state, c.gate.since
	fetch := c.gate.fetch
	c.gate.fetch = 0
	c.gate.mu.Unlock()
	v.sinks, v.try, v.free = c.sinkGates.step(c, v.now, fetch)
	v.parts = make([]partView, len(parts))
	for i, p := range parts {
		v.parts[i] = p.view()
	}
	return v
}

func (p *partition) view() partView {
	p.mu.Lock()
	defer p.mu.Unlock()
	last, _, taken := p.tracker.Last()
	return partView{
		paused: p.state == StatePaused, pausedAt: p.pausedAt, held: p.held, over: p.over, mapWhole: p.mapWhole || p.tracker.Beyond() == 0,
		behind: taken && last+1 < p.end, failure: p.failure, retries: len(p.parked) + len(p.redos),
	}
}

// ahead is what the client has fetched and we have not taken.
func (c *Consumer) ahead() int64 {
	return c.client.BufferedFetchBytes() + c.client.BufferedFetchRecords()*recordOverhead
}
