package lab

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/integration/ledger"
)

// tick is how often something is written.
const tick = 25 * time.Millisecond

// producer writes keys in order.
type producer struct {
	records Records
	client  *kgo.Client
	log     *ledger.Log

	mu   sync.Mutex // held while the broker must not be written to
	n    int
	ends []int64
}

func newProducer(address string, r Records, log *ledger.Log) (*producer, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0),
		kgo.AllowIdempotentProduceCancellation()) // a broker that has ended with the trial answers nothing
	if err != nil {
		return nil, err
	}
	return &producer{records: r, client: cl, log: log, ends: make([]int64, Partitions)}, nil
}

// run writes count() records every tick until ctx ends.
func (p *producer) run(ctx context.Context, count func() int) error {
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		if err := p.some(count()); err != nil {
			return err
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
	}
}

func (p *producer) some(n int) error {
	if n == 0 {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	places := make([]at, n)
	recs := make([]*kgo.Record, n)
	for k := range places {
		places[k] = p.records.place(p.n+k, p.ends)
		recs[k] = p.records.record(places[k])
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	if err := p.client.ProduceSync(ctx, recs...).FirstErr(); err != nil {
		return fmt.Errorf("produce: %w", err)
	}
	noted := make([]ledger.Record, n)
	for k, a := range places {
		if recs[k].Offset != a.Offset {
			return fmt.Errorf("produce: %d/%d was written at %d", a.Partition, a.Offset, recs[k].Offset)
		}
		noted[k] = p.records.noted(a)
	}
	p.n += n
	p.log.Wrote(noted...)
	return nil
}

// written is the ends of what is written.
func (p *producer) written() []int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.ends)
}

func (p *producer) made() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.n
}
