package demo

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

const (
	keys     = 200
	perRound = 12
	round    = 20 * time.Millisecond // 600 records a second, under a third of what the service takes
)

// produce writes orders until ctx ends, and notes in the ledger what the broker
// has acknowledged.
func produce(ctx context.Context, brokers []string, l *ledger) error {
	cl, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.DefaultProduceTopic(topic), kgo.ProducerLinger(0))
	if err != nil {
		return fmt.Errorf("demo: producer: %w", err)
	}
	defer cl.Close()
	next := make([]int64, keys)
	tick := time.NewTicker(round)
	defer tick.Stop()
	for i := 0; ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		recs := make([]*kgo.Record, perRound)
		for k := range recs {
			key := (i + k*17) % keys
			recs[k] = order(key, next[key])
			next[key]++
		}
		i++
		// A round that has begun is finished: what the broker may have must be known.
		if err := cl.ProduceSync(context.WithoutCancel(ctx), recs...).FirstErr(); err != nil {
			return fmt.Errorf("demo: producer: %w", err)
		}
		for k := range recs {
			key := (i - 1 + k*17) % keys
			l.produce(keyName(key), next[key]-1)
		}
	}
}

func keyName(key int) string { return fmt.Sprintf("customer-%03d", key) }

func order(key int, n int64) *kgo.Record {
	name := keyName(key)
	return &kgo.Record{Key: []byte(name), Value: fmt.Appendf(nil, `{"key":%q,"n":%d,"price":%d,"count":%d}`, name, n, 5+key%20, 1+n%7)}
}
