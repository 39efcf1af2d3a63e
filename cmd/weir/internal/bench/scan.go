package bench

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// scan reads the topics once to find the window: at most so many records of each
// partition as quotas gives it. Their offsets alone do not say which records there are:
// compaction and transactions leave gaps.
type scan struct {
	cluster *cluster
	spans   []span
	newest  bool          // the records before the end, not those behind the beginning
	within  time.Duration // what has not come by then is left out
}

// idle is how long a scan waits for records that may not be there: the end of a
// partition may be a gap.
const idle = 2 * time.Second

// find returns a window of at most so many records, and what reading it took.
func (s *scan) find(ctx context.Context, most int64) (*window, cost, error) {
	have := make([]int64, len(s.spans))
	for i := range s.spans {
		have[i] = s.spans[i].to - s.spans[i].from
	}
	r := &scanning{window: &window{whole: true}, at: map[string]map[int32]int{}, open: map[int]int64{}}
	for i, q := range quotas(have, most) {
		sh := share{span: s.spans[i], last: -1}
		if s.newest {
			sh.from = sh.to - q
		}
		if r.at[sh.topic] == nil {
			r.at[sh.topic] = map[int32]int{}
		}
		r.at[sh.topic][sh.partition] = i
		r.window.shares = append(r.window.shares, sh)
		r.window.whole = r.window.whole && q == have[i]
		if q > 0 {
			r.open[i] = q
			r.window.shares[i].n = 1 // so that offsets has it; counted anew
		}
	}
	c, err := s.read(ctx, r)
	return r.window, c, err
}

// read fills the window.
func (s *scan) read(ctx context.Context, r *scanning) (cost, error) {
	begin := time.Now()
	cl, err := reader(s.cluster.kafka, r.window.offsets(), firstSize(), kgo.KeepControlRecords(), kgo.WithHooks(&r.wire))
	if err != nil {
		return cost{}, fmt.Errorf("reading the topics: %w", err)
	}
	defer cl.Close()
	for i := range r.window.shares {
		r.window.shares[i].n = 0
	}
	r.cl = cl
	// The first answer may take as long as a connection does; the time for reading begins with it.
	wait, first := s.cluster.wait, time.Time{}
	late := func() bool { return !first.IsZero() && time.Since(first) > s.within }
	for len(r.open) > 0 && !late() {
		fetches, err := poll(ctx, cl, wait)
		if errors.Is(err, errSilent) {
			break
		}
		if err != nil {
			return cost{}, fmt.Errorf("reading the topics: %w", err)
		}
		if first.IsZero() {
			wait, first = min(idle, wait), time.Now()
		}
		fetches.EachPartition(r.take)
	}
	r.window.whole = r.window.whole && (len(r.open) == 0 || !late())
	if n := r.wire.records.Load(); n > 0 {
		r.window.bytes = r.wire.bytes.Load() * r.window.records / n
	}
	end := time.Now()
	return costOf(begin, first, end, end, r.window.records), nil
}

// scanning is a scan under way.
type scanning struct {
	window *window
	at     map[string]map[int32]int // the share of a partition
	open   map[int]int64            // shares that records are still missing of, and how many
	cl     *kgo.Client
	wire   wire
}

func (r *scanning) take(p kgo.FetchTopicPartition) {
	i := r.at[p.Topic][p.Partition]
	sh := &r.window.shares[i]
	for _, rec := range p.Records {
		if _, open := r.open[i]; !open {
			return
		}
		if rec.Offset < sh.to && !rec.Attrs.IsControl() {
			sh.n, sh.last = sh.n+1, rec.Offset
			r.window.records++
			r.open[i]--
		}
		if r.open[i] == 0 || rec.Offset >= sh.to-1 {
			delete(r.open, i)
			r.cl.PauseFetchPartitions(map[string][]int32{p.Topic: {p.Partition}})
		}
	}
}

// wire counts what comes.
type wire struct{ bytes, records atomic.Int64 }

var _ kgo.HookFetchBatchRead = (*wire)(nil)

// OnFetchBatchRead implements kgo.HookFetchBatchRead.
func (w *wire) OnFetchBatchRead(_ kgo.BrokerMetadata, _ string, _ int32, m kgo.FetchBatchMetrics) {
	w.bytes.Add(int64(m.CompressedBytes))
	w.records.Add(int64(m.NumRecords))
}
