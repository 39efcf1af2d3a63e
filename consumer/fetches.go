package consumer

import (
	"fmt"
	"math"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"
)

// fetches watches what fetched bytes turn into: a fetch is bounded on the wire,
// and what it costs here is larger by the compression and by what each record
// needs beside its bytes.
type fetches struct {
	wire    atomic.Int64 // bytes as they came
	cost    atomic.Int64 // bytes as the budget counts them
	records atomic.Int64
	last    int32 // the fetch size in force; of the reconciler
}

var _ kgo.HookFetchBatchRead = (*fetches)(nil)

// OnFetchBatchRead implements kgo.HookFetchBatchRead.
func (f *fetches) OnFetchBatchRead(_ kgo.BrokerMetadata, _ string, _ int32, m kgo.FetchBatchMetrics) {
	f.wire.Add(int64(m.CompressedBytes))
	f.cost.Add(int64(m.UncompressedBytes) + int64(m.NumRecords)*recordOverhead)
	f.records.Add(int64(m.NumRecords))
}

// recordCost is what a record has cost lately. Before the first it is what the
// largest costs that a broker takes unless told otherwise.
func (f *fetches) recordCost() int64 {
	if n := f.records.Load(); n > 0 {
		return max(f.cost.Load()/n, recordOverhead)
	}
	return 1 << 20
}

const (
	leastFetch = 64 << 10
	mostFetch  = 8 << 20
	// fetchShare is the part of the budget that what the client fetches ahead may cost.
	fetchShare = 8
)

// firstFetch is the size of a fetch before anything is known of the data: small
// enough for data that becomes ten times as large.
func (c *Consumer) firstFetch() int32 {
	c.fetches.last = int32(min(max(int64(c.cfg.Memory)/fetchShare/10, leastFetch), mostFetch/4))
	return c.fetches.last
}

// largestBatch is the most that a batch may decompress to, so that one alone does not
// outgrow the budget. The client takes no larger bound than an int32.
func (c *Consumer) largestBatch() Bytes { return min(c.cfg.Memory/4, math.MaxInt32) }

// tooLarge says in our words what the client stopped a partition for. How large the
// batch is nobody knows: its decompression ends at the bound.
func (c *Consumer) tooLarge(e *kgo.ErrDecompressTooLarge) error {
	return fmt.Errorf("the batch at offset %d decompresses to more than %s, a quarter of memory; start again with more memory, "+
		"or pass the batch over: set the group's offset of this partition to %d while the group is stopped", e.Offset, c.largestBatch(), e.NextOffset)
}

// tune sets the size of fetches so that one from each broker costs no more than
// its share of the budget.
func (c *Consumer) tune() {
	f := &c.fetches
	wire, cost, records := f.wire.Load(), f.cost.Load(), f.records.Load()
	if wire == 0 {
		return
	}
	f.wire.Add(-wire / 2) // older batches fade
	f.cost.Add(-cost / 2)
	f.records.Add(-records / 2)
	brokers := int64(max(len(c.client.DiscoveredBrokers()), 1))
	want := float64(c.cfg.Memory) / fetchShare / float64(brokers) * float64(wire) / float64(max(cost, 1))
	size := int32(min(max(want, leastFetch), mostFetch))
	if size < f.last*3/4 || size > f.last*4/3 {
		f.last = size
		c.client.UpdateFetchMaxBytes(size, min(size, 1<<20))
	}
}
