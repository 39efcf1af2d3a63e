package bench

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/consumer"
)

// fetchSize is how much a fetch asks for, on both sides.
type fetchSize struct{ all, partition int32 }

// firstSize is what the first look at the topics asks for, before the pipeline says
// what it asks for.
func firstSize() fetchSize { return fetchSize{2 << 20, 1 << 20} }

func (f fetchSize) options() []kgo.Opt {
	return []kgo.Opt{kgo.FetchMaxBytes(f.all), kgo.FetchMaxPartitionBytes(f.partition)}
}

// fetchWait is that of the engine.
const fetchWait = 250 * time.Millisecond

// reader is a client without a group that reads from given offsets.
func reader(k consumer.KafkaConfig, at map[string]map[int32]kgo.Offset, size fetchSize, more ...kgo.Opt) (*kgo.Client, error) {
	opts, err := k.ClientOptions()
	if err != nil {
		return nil, err
	}
	opts = append(opts, kgo.ConsumePartitions(at), kgo.FetchIsolationLevel(kgo.ReadCommitted()), kgo.FetchMaxWait(fetchWait))
	return kgo.NewClient(append(append(opts, size.options()...), more...)...)
}

// raw is the poll loop that a team writes by hand: it looks at every record. It has no
// group and commits nothing.
type raw struct {
	setup

	limits map[string][]int64
	left   int // partitions that are not read to their end
	count  int64
	looked int64 // what looking at the records comes to, so that it is done
}

// run is one segment.
func (r *raw) run(ctx context.Context) (sample, cost, error) {
	begin := time.Now()
	r.limits, r.left, r.count = r.window.limits(), r.window.used(), 0
	from := &start{}
	cl, err := reader(r.cluster.kafka, r.window.offsets(), r.size, r.options(from)...)
	if err != nil {
		return sample{}, cost{}, fmt.Errorf("raw loop: %w", err)
	}
	defer cl.Close()
	var first time.Time
	for r.left > 0 {
		fetches, err := poll(ctx, cl, r.cluster.wait)
		if err != nil {
			return sample{}, cost{}, fmt.Errorf("raw loop, after %d of %d records: %w", r.count, r.window.records, err)
		}
		if first.IsZero() {
			first = time.Now()
		}
		fetches.EachPartition(func(p kgo.FetchTopicPartition) { r.look(cl, &p) })
		if r.count >= r.warm {
			from.mark(r.count)
		}
	}
	end := look()
	return from.until(end, r.count), costOf(begin, first, end.at, time.Now(), r.count), nil
}

// look looks at the records of a partition up to the end of the window, where it stops
// fetching it.
func (r *raw) look(cl *kgo.Client, p *kgo.FetchTopicPartition) {
	last := lastOf(r.limits[p.Topic], p.Partition)
	for _, rec := range p.Records {
		if rec.Offset > last {
			return
		}
		r.count++
		r.looked += int64(len(rec.Key)+len(rec.Value)) + rec.Offset
		if rec.Offset == last {
			r.left--
			cl.PauseFetchPartitions(map[string][]int32{p.Topic: {p.Partition}})
		}
	}
}

// errSilent is a topic that gives nothing though it should.
var errSilent = errors.New("no record came")

// poll takes what there is, and waits for it no longer than wait.
func poll(ctx context.Context, cl *kgo.Client, wait time.Duration) (kgo.Fetches, error) {
	waiting, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	fetches := cl.PollFetches(waiting)
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	if waiting.Err() != nil && fetches.NumRecords() == 0 {
		return nil, fmt.Errorf("%w for %s: were the records deleted meanwhile, or is a broker down?", errSilent, wait)
	}
	for _, e := range fetches.Errors() {
		if !errors.Is(e.Err, context.DeadlineExceeded) {
			return nil, fmt.Errorf("fetching %s/%d: %w", e.Topic, e.Partition, e.Err)
		}
	}
	return fetches, nil
}
