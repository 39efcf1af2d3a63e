package main

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	topic      = "orders"
	deadTopic  = "orders.dead"
	partitions = 12
	keys       = 60
	slowKey    = "customer-7"
	header     = "n"
)

// producer writes keys in order, some records of which can not be processed.
type producer struct {
	client *kgo.Client

	mu      sync.Mutex // held while the broker must not be written to
	records []produced
}

func newProducer(address string) (*producer, error) {
	cl, err := kgo.NewClient(kgo.SeedBrokers(address), kgo.DefaultProduceTopic(topic))
	if err != nil {
		return nil, err
	}
	return &producer{client: cl}, nil
}

// run produces ten records every tick until ctx ends.
func (p *producer) run(ctx context.Context) error {
	t := time.NewTicker(25 * time.Millisecond)
	defer t.Stop()
	for i := 0; ; i += 10 {
		if err := p.some(i, 10); err != nil {
			return err
		}
		select {
		case <-t.C:
		case <-ctx.Done():
			return nil
		}
	}
}

// some produces records i to i+n.
func (p *producer) some(i, n int) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	recs := make([]*kgo.Record, n)
	made := make([]produced, n)
	for k := range made {
		made[k] = makeRecord(fmt.Sprintf("customer-%d", (i+k)%keys), (i+k)/keys)
		recs[k] = made[k].Record
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := p.client.ProduceSync(ctx, recs...).FirstErr(); err != nil {
		return fmt.Errorf("produce: %w", err)
	}
	p.records = append(p.records, made...)
	return nil
}

// makeRecord makes the nth record of a key. Blanks and a field that the handler
// takes away tell the bytes of a record from what is made of it.
func makeRecord(key string, n int) produced {
	r := produced{key: key, n: n}
	value := fmt.Appendf(nil, `{ "key": %q,  "n": %d, "poison": false, "more": true }`, key, n)
	switch {
	case n%23 == 7:
		r.kind = poison
		value = fmt.Appendf(nil, `{ "key": %q,  "n": %d, "poison": true, "more": true }`, key, n)
	case n%29 == 11:
		r.kind = broken
		value = fmt.Appendf(nil, "\x00\xff%s %d\xfe", key, n)
	}
	r.Record = &kgo.Record{Key: []byte(key), Value: value, Headers: []kgo.RecordHeader{{Key: header, Value: []byte(strconv.Itoa(n))}}}
	return r
}

// made returns what the broker has acknowledged.
func (p *producer) made() []produced {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.records[:len(p.records):len(p.records)]
}
