package proof

import (
	"context"
	"slices"
	"testing/synctest"
	"time"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/integration/ledger"
)

// scrapes samples what each member exports, until stop, and ends sessions that
// are over.
func (t *trial) scrapes(ctx context.Context, stop <-chan struct{}) {
	tick := time.NewTicker(scrape)
	defer tick.Stop()
	var times groupTimes
	for {
		select {
		case <-tick.C:
		case <-stop:
			return
		}
		t.expire(ctx, &times)
		for _, m := range t.all() {
			if !m.dead.Load() {
				t.scrape(m)
			}
		}
	}
}

// scrape notes what a member exports, and then the truth: a commit that is on its
// way meanwhile is the broker's first.
func (t *trial) scrape(m *member) {
	synctest.Wait() // what is taken is counted, what is finished is given back
	r := m.Explain()
	t.log.Add(ledger.Event{Kind: ledger.Sampled, Instance: m.n, Sample: &ledger.Sample{
		HeldBytes: r.Totals.MaxHeld, Budget: r.BudgetBytes, Still: t.settled(m, &r), Holding: r.HeldBytes,
	}})
	m.bound.Store(r.DuplicatesIfKilled)
	if !m.alive() {
		return
	}
	at, ends := t.marks(), t.cluster.PartitionInfos(topic)
	rest := committed(at, ends)
	for _, p := range r.Partitions {
		c, ok := at[p.Partition]
		if !ok || int(p.Partition) >= len(ends) {
			continue
		}
		if p.Lag < 0 {
			p.Committed = -1 // a floor of 0 is all that it knows
		}
		lag, in := int64(-1), int64(-1) // nobody knows
		if rest {
			in = 0
		}
		// The end is known as of the last fetch, says the report.
		if rest || r.State == consumer.StateOpen && p.State == consumer.StateOpen && t.fetching() {
			lag = ends[p.Partition].HighWatermark - c.Offset
		}
		t.log.Add(ledger.Event{
			Kind: ledger.Read, Instance: m.n, Partition: ledger.Partition{Topic: p.Topic, Partition: p.Partition},
			Reading: &ledger.Reading{
				Lag: p.Lag, TrueLag: lag, Committed: p.Committed, TrueCommitted: c.Offset,
				InFlight: p.HeldRecords, TrueInFlight: in,
			},
		})
	}
}

// settled reports whether a member has all of the partitions that it is known to
// have: of what is being given back it drops what has not started.
func (t *trial) settled(m *member, r *consumer.Report) bool {
	given := func(p consumer.PartitionReport) bool { return p.State == consumer.StateDraining }
	return len(t.sessions.Held(m.n)) == len(r.Partitions) && !slices.ContainsFunc(r.Partitions, given)
}

// fetching reports whether it has been calm for so long that every member fetches.
func (t *trial) fetching() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.calmed.IsZero() && time.Since(t.calmed) > 2*t.s.session()
}
