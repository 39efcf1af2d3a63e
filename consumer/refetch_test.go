//go:build synctests

package consumer_test

import (
	"context"
	"slices"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/sink"
)

// wire counts the bytes of the fetch answers that a client has read.
type wire struct{ fetched atomic.Int64 }

// OnBrokerRead implements kgo.HookBrokerRead.
func (w *wire) OnBrokerRead(_ kgo.BrokerMetadata, key int16, n int, _, _ time.Duration, _ error) {
	if key == int16(kmsg.Fetch) {
		w.fetched.Add(int64(n))
	}
}

var _ kgo.HookBrokerRead = (*wire)(nil)

// A pause keeps what the client has fetched, and held bytes stay within the budget all the
// time.
func TestWhatIsFetchedIsDeliveredThoughTheSinkHangsAgainAndAgain(t *testing.T) {
	const partitions, n, size = 4, 64_000, 2 << 10 // 125 MiB
	inLab(t, partitions, func(l *lab) {
		l.client.Close()
		l.client = l.newClient(kgo.ProducerBatchCompression(kgo.NoCompression()))
		defer l.client.Close()
		var recs []*kgo.Record
		for i := range n {
			recs = append(recs, &kgo.Record{Topic: topic, Partition: int32(i % partitions), Key: []byte(strconv.Itoa(i)), Value: make([]byte, size)})
		}
		for chunk := range slices.Chunk(recs, 100) { // batches of 50 KiB
			l.write(chunk...)
		}
		var hangs atomic.Bool
		l.ledger.before = func(ctx context.Context, batch []sink.Message) error {
			if hangs.Load() {
				<-ctx.Done()
			}
			wait(ctx, time.Millisecond*time.Duration(len(batch)))
			return ctx.Err()
		}
		var w wire
		cfg := l.config()
		cfg.Memory = 16 << 20
		p := l.to(nil)
		p.Sink.Limit.Fixed = 2
		m := l.run(cfg, p, consumer.WithClientOptions(kgo.WithHooks(&w)))
		for range 10 {
			time.Sleep(5 * time.Second)
			hangs.Store(true)
			time.Sleep(time.Minute)
			hangs.Store(false)
		}
		l.until(10*time.Minute, "delivered", func() bool { return l.ledger.distinct() == n })
		r := m.Explain()
		m.mustEnd()
		if r.Pauses < 5*partitions {
			t.Errorf("%d pauses, want one of each partition in most hangs", r.Pauses)
		}
		if got := float64(w.fetched.Load()) / (n * size); got > 1.08 {
			t.Errorf("%.3f bytes fetched for one delivered, want at most 1.08", got)
		} else {
			t.Logf("%.3f bytes fetched for one delivered, %d pauses", got, r.Pauses)
		}
		if got := float64(r.Totals.MaxHeld) / float64(cfg.Memory); got > 1 {
			t.Errorf("%.3f of the budget were held, want at most all of it", got)
		}
	})
}
