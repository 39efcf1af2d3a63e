package consumer

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/weir-kafka/weir/consumer/internal/offset"
	"github.com/weir-kafka/weir/internal/crash"
)

// assigned makes a new object for each partition. An empty map says only that a
// session began, in which we keep what we have; answering it at once keeps the
// group moving.
func (c *Consumer) assigned(_ context.Context, _ *kgo.Client, m map[string][]int32) {
	<-c.started
	c.joined.Store(true)
	member, _ := c.client.GroupMetadata()
	c.firstAs.CompareAndSwap(nil, &member)
	c.ownedAs.Store(&member)
	c.watchdog.fence.assigned()
	if len(m) == 0 {
		return
	}
	c.poller.barrier()
	c.client.ResumeFetchPartitions(m) // the client remembers pauses of an earlier epoch
	c.mu.Lock()
	partitions := len(c.parts)
	for _, ps := range m {
		partitions += len(ps)
	}
	for topic, ps := range m {
		for _, n := range ps {
			id := tp{topic, n}
			if old := c.parts[id]; old != nil {
				c.end(lost, old)
			}
			c.parts[id] = newPartition(c.work, c, id, partitions)
		}
	}
	c.mu.Unlock()
	c.rebalances.Add(1)
	c.log.Info("partitions assigned", "partitions", names(m))
	c.reconcileSoon()
}

// fetched reads what earlier owners did beyond what they committed. It runs
// after assigned and before the first record.
func (c *Consumer) fetched(_ context.Context, _ *kgo.Client, resp *kmsg.OffsetFetchResponse) error {
	take := func(topic string, part int32, at int64, epoch int32, metadata *string) {
		p := c.partition(tp{topic, part})
		if p == nil || at < 0 {
			return
		}
		crash.At(crash.OffsetsFetched)
		p.mu.Lock()
		defer p.mu.Unlock()
		p.committed, p.commitEpoch = at, epoch
		p.skip, p.sentMap = offset.Map{}, "" // of a fetch that was cut short
		if metadata == nil || *metadata == "" {
			return
		}
		done, err := offset.ParseMap(*metadata, at)
		if err != nil {
			c.log.Info("commit metadata is not a completion map; records beyond the commit may repeat",
				"topic", topic, "partition", part, "err", err)
			return
		}
		p.skip, p.sentMap = done, *metadata
	}
	for _, g := range resp.Groups {
		for _, t := range g.Topics {
			for _, part := range t.Partitions {
				take(t.Topic, part.Partition, part.Offset, part.LeaderEpoch, part.Metadata)
			}
		}
	}
	for _, t := range resp.Topics {
		for _, part := range t.Partitions {
			take(t.Topic, part.Partition, part.Offset, part.LeaderEpoch, part.Metadata)
		}
	}
	return nil
}

// revoked gives partitions back: what has started is finished and committed
// first. The group waits for this, so the time is bounded.
//
// A member that was thrown out and learns this from a commit or a join joins
// again under another id, and nobody says lost. Then others have had what it
// still holds; and if it is to be given back before the client said that it is
// ours again, one of them has it now. That is a loss by another name.
func (c *Consumer) revoked(ctx context.Context, cl *kgo.Client, m map[string][]int32) {
	if len(m) == 0 {
		return
	}
	member, epoch := c.client.GroupMetadata()
	if as := c.ownedAs.Load(); as != nil && *as != member || c.released(epoch, m) {
		c.lost(ctx, cl, m)
		return
	}
	c.rebalances.Add(1)
	c.drain(ctx, c.pick(m), "revoked")
}

// released reports whether the coordinator of a KIP-848 group thinks that the member
// has given back what is revoked only now. It leaves the member at its epoch for as
// long as it waits for partitions; the client may say that it owns none while its
// metadata has an error, and then both come at once. See docs/upstream.md.
func (c *Consumer) released(epoch int32, m map[string][]int32) bool {
	return c.cfg.Kafka.Protocol == ProtocolConsumer && epoch != c.watchdog.epoch.Load() && len(c.pick(m)) > 0
}

// lost forgets partitions that already belong to somebody else. Nothing is
// committed: it would rewind the new owner.
func (c *Consumer) lost(_ context.Context, _ *kgo.Client, m map[string][]int32) {
	if len(m) == 0 {
		return
	}
	c.rebalances.Add(1)
	parts := c.pick(m)
	left := c.end(lost, parts...)
	for _, s := range c.stages {
		for _, p := range parts {
			s.purge(p)
		}
		s.underWay.cancelLost()
	}
	c.forget(parts)
	// Their effects end at once. A commit that has taken its snapshot is sent before
	// the group can be joined again; after this none holds these partitions.
	c.commitMu.Lock()
	c.commitMu.Unlock() //nolint:staticcheck // nothing is guarded but the moment
	c.log.Warn("partitions lost; what was in flight may be repeated by their new owner",
		"partitions", names(m), "in_flight", left.inFlight, "uncommitted", left.uncommitted)
}

// drain finishes what parts have started, within the drain time, commits it and
// deletes them. Both a revoke and the shutdown come here; the second to come for
// the same partition waits for the first.
func (c *Consumer) drain(ctx context.Context, parts []*partition, why string) {
	if len(parts) == 0 {
		return
	}
	start := c.now()
	deadline := start.Add(c.cfg.Drain)
	var dropped int64
	for _, p := range parts {
		bytes, records := p.startDrain()
		c.free(bytes, records)
		dropped += records
		for _, s := range c.stages {
			s.purge(p)
		}
	}
	crash.At(crash.InDrain)
	inTime := c.awaitDrained(parts, start)
	waited := c.now().Sub(start)
	err := c.commitUntil(ctx, parts, deadline)
	crash.At(crash.DrainCommitted)
	c.commitMu.Lock()
	left := c.end(revoked, parts...)
	c.forget(parts)
	c.commitMu.Unlock()
	c.metrics.drains.Observe(c.now().Sub(start).Seconds())
	log := c.log.Info
	if !inTime || err != nil {
		log = c.log.Warn
	}
	log("partitions drained", "why", why, "partitions", names(byTopic(parts)), "dropped", dropped, "abandoned", left.inFlight,
		"uncommitted", left.uncommitted, "waited", waited, "committed", err == nil, "took", c.now().Sub(start), "err", err)
}

// end kills parts and gives back what they held. It returns the sum of their rests.
func (c *Consumer) end(as life, parts ...*partition) (sum rest) {
	for _, p := range parts {
		r := p.kill(as)
		c.free(r.bytes, r.records)
		sum = rest{sum.bytes + r.bytes, sum.records + r.records, sum.inFlight + r.inFlight, sum.uncommitted + r.uncommitted}
	}
	return sum
}

// awaitDrained waits for what is in flight. At four fifths of the time the
// handlers are told to stop; the rest belongs to the commit.
func (c *Consumer) awaitDrained(parts []*partition, start time.Time) bool {
	timer := time.NewTimer(c.cfg.Drain*4/5 - c.now().Sub(start))
	defer timer.Stop()
	for _, p := range parts {
		select {
		case <-p.drained:
			continue
		case <-timer.C:
		}
		for _, q := range parts {
			q.cancel()
		}
		return false
	}
	return true
}

// errLost says that partitions were not ours any more before they were drained.
var errLost = errors.New("lost while being drained")

// commitUntil commits, again and again until the deadline: a coordinator that
// dies at this moment is back after some seconds. A refusal that says that the
// partitions are not ours is final.
func (c *Consumer) commitUntil(ctx context.Context, parts []*partition, deadline time.Time) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), max(deadline.Sub(c.now()), time.Second))
	defer cancel()
	for {
		err := c.commit(ctx, parts)
		ours, gone := standing(parts)
		switch {
		case err == nil && gone:
			return errLost
		case err == nil, !ours:
			return err
		}
		select {
		case <-time.After(250 * time.Millisecond):
		case <-ctx.Done():
			return err
		}
	}
}

// standing reports whether any of parts is still to be given back by us, and
// whether any was lost before that.
func standing(parts []*partition) (ours, gone bool) {
	for _, p := range parts {
		p.mu.Lock()
		ours, gone = ours || p.life == draining, gone || p.life == lost
		p.mu.Unlock()
	}
	return ours, gone
}
