//go:build synctests

package consumer_test

import (
	"context"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/sink"
)

func TestAHungSinkCausesNoRebalanceAndHoldsMemory(t *testing.T) {
	inLab(t, 4, func(l *lab) {
		l.produceLarge(4, 40, 256<<10) // 40 MiB
		var hung atomic.Bool
		hung.Store(true)
		l.ledger.before = func(ctx context.Context, _ []sink.Message) error {
			if hung.Load() {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		cfg := l.config()
		cfg.Memory = 16 << 20
		m := l.run(cfg, l.to(nil))
		time.Sleep(15 * time.Minute)
		r := m.Explain()
		if r.Rebalances != 1 {
			t.Errorf("%d rebalances, want the first assignment only", r.Rebalances)
		}
		if r.State != consumer.StatePaused || len(r.Reasons) == 0 {
			t.Errorf("state %s for %v, want paused with a reason", r.State, r.Reasons)
		}
		if r.Totals.MaxHeld > int64(cfg.Memory) {
			t.Errorf("held %d of %d bytes", r.Totals.MaxHeld, cfg.Memory)
		}
		hung.Store(false)
		l.until(time.Minute, "delivered", func() bool { return l.ledger.distinct() == 160 })
		time.Sleep(3 * time.Second)
		m.mustEnd()
		l.settled(4, 40)
	})
}

func TestLargeRecordsStayWithinTheBudget(t *testing.T) {
	inLab(t, 3, func(l *lab) {
		l.produceLarge(3, 40, 1<<20) // 120 MiB
		cfg := l.config()
		cfg.Memory = 32 << 20
		l.ledger.before = func(ctx context.Context, _ []sink.Message) error {
			select {
			case <-time.After(20 * time.Millisecond):
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		}
		m := l.run(cfg, l.to(nil))
		l.until(5*time.Minute, "delivered", func() bool {
			if r := m.Explain(); r.HeldBytes > int64(cfg.Memory) {
				t.Fatalf("holds %d of %d bytes", r.HeldBytes, cfg.Memory)
			}
			return l.ledger.distinct() == 120
		})
		time.Sleep(2 * time.Second)
		m.mustEnd()
		r := m.Explain()
		if r.Totals.MaxHeld > int64(cfg.Memory) {
			t.Errorf("held %d of %d bytes", r.Totals.MaxHeld, cfg.Memory)
		}
		if r.HeldBytes != 0 || r.HeldRecords != 0 {
			t.Errorf("at the end %d bytes and %d records are still counted", r.HeldBytes, r.HeldRecords)
		}
		l.settled(3, 40)
	})
}

// A fetch may turn out larger than the whole budget, because it was compressed:
// what came is taken as room comes, and nothing stands still.
func TestAFetchLargerThanTheBudgetStillFlows(t *testing.T) {
	inLab(t, 4, func(l *lab) {
		plain := l.client
		l.client = l.newClient(kgo.ProducerBatchCompression(kgo.GzipCompression()))
		l.produceLarge(4, 10, 1<<20) // 40 MiB in 40 KiB
		l.client.Close()
		l.client = plain
		cfg := l.config()
		cfg.Memory = 16 << 20
		m := l.run(cfg, l.to(nil))
		l.until(5*time.Minute, "delivered", func() bool { return l.ledger.distinct() == 40 })
		time.Sleep(2 * time.Second)
		m.mustEnd()
		if r := m.Explain(); r.Totals.MaxHeld > int64(cfg.Memory) {
			t.Errorf("held %d of %d bytes", r.Totals.MaxHeld, cfg.Memory)
		}
		l.settled(4, 10)
	})
}

// While partitions are drained the client is not told again and again to pause them.
// 5 MiB in a quarter of 16 MiB: the partition stops and says where, why and what to
// do, and the other one goes on.
func TestABatchLargerThanAQuarterOfTheMemoryStopsItsPartition(t *testing.T) {
	inLab(t, 2, func(l *lab) {
		l.client.Close()
		l.client = l.newClient(kgo.ProducerBatchCompression(kgo.GzipCompression()), kgo.ProducerBatchMaxBytes(6<<20), kgo.BrokerMaxWriteBytes(64<<20))
		defer l.client.Close()
		l.produce(2, 10, 1)
		l.write(&kgo.Record{Topic: topic, Partition: 1, Value: make([]byte, 5<<20)})
		l.produce(2, 10, 1)
		cfg := l.config()
		cfg.Memory = 16 << 20
		var log logbook
		m := l.run(cfg, l.to(nil), log.logger())
		l.until(time.Minute, "one done, the other up to the batch", func() bool { return l.committed(0) == 20 && l.committed(1) == 10 })
		time.Sleep(time.Minute)
		p := m.Explain().Partitions[1]
		want := "failed: the batch at offset 10 decompresses to more than 4MiB, a quarter of memory; start again with more memory, " +
			"or pass the batch over: set the group's offset of this partition to 11 while the group is stopped"
		if p.State != consumer.StatePaused || !slices.Contains(p.Reasons, want) {
			t.Errorf("state %s for %q, want paused for %q", p.State, p.Reasons, want)
		}
		if got := log.lines(`msg="partition stopped" topic=in partition=1`); len(got) != 1 || !strings.Contains(got[0], "decompresses to more than 4MiB") {
			t.Errorf("the log says %q, want it once", got)
		}
		m.mustEnd()
		cfg.Memory = 64 << 20 // the first of the two mends
		again := l.run(cfg, l.to(nil))
		l.until(time.Minute, "all delivered", func() bool { return l.committed(1) == 21 })
		again.mustEnd()
		if got := l.ledger.distinct(); got != 41 {
			t.Errorf("%d delivered, want 41", got)
		}
	})
}

// The client takes no bound of a batch beyond 2 GiB, which is a quarter of this.
func TestALargeMemoryIsTaken(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 10, 1)
		cfg := l.config()
		cfg.Memory = 64 << 30
		m := l.run(cfg, l.to(nil))
		l.until(time.Minute, "committed", func() bool { return l.committed(0) == 10 })
		m.mustEnd()
	})
}

func TestADrainPausesNothing(t *testing.T) {
	inLab(t, 4, func(l *lab) {
		l.produceLarge(4, 40, 256<<10)
		l.ledger.before = func(ctx context.Context, _ []sink.Message) error {
			<-ctx.Done()
			return ctx.Err()
		}
		p := l.to(nil)
		p.Sink.Timeout = time.Hour
		cfg := l.config()
		cfg.Memory = 16 << 20
		m := l.run(cfg, p)
		l.until(time.Minute, "paused", func() bool { return m.Explain().State == consumer.StatePaused })
		time.Sleep(time.Second) // the state is set before the partitions are paused
		before := m.Explain().Pauses
		m.mustEnd()
		if got := m.Explain().Pauses; got != before {
			t.Errorf("%d pauses during the drain, want 0", got-before)
		}
	})
}

// Records larger than a partition's share, among thousands of tiny ones.
func TestRecordsLargerThanTheShareFlowAmongTinyOnes(t *testing.T) {
	inLab(t, 12, func(l *lab) {
		l.produce(12, 2000, 100)
		l.produceLarge(4, 5, 3<<20)
		l.produce(12, 2000, 100)
		cfg := l.config()
		cfg.Memory = 16 << 20
		l.ledger.unordered = true // the keys repeat
		l.ledger.before = func(ctx context.Context, _ []sink.Message) error {
			time.Sleep(20 * time.Millisecond)
			return nil
		}
		m := l.run(cfg, l.to(nil))
		l.until(10*time.Minute, "delivered", func() bool { return l.ledger.distinct() == 12*4000+20 })
		time.Sleep(2 * time.Second)
		r := m.Explain()
		if r.Totals.MaxHeld > int64(cfg.Memory) {
			l.Errorf("held %d of %d bytes", r.Totals.MaxHeld, cfg.Memory)
		}
		if r.HeldBytes != 0 || r.State != consumer.StateOpen {
			l.Errorf("state %s with %d bytes held, want open with 0", r.State, r.HeldBytes)
		}
		m.mustEnd()
	})
}

// Handlers that wait, and make much of little: as many at the same time as have room
// for what they make.
func TestWhatWaitingHandlersMakeStaysWithinTheBudget(t *testing.T) {
	inLab(t, 4, func(l *lab) {
		l.produce(4, 1000, 1000)
		cfg := l.config()
		cfg.Memory = 16 << 20
		m := l.run(cfg, l.to(handlers.Func(func(_ context.Context, rec *handlers.Record, emit handlers.Emit) error {
			time.Sleep(20 * time.Millisecond)
			emit(sink.Message{Key: rec.Key, Value: make([]byte, 256<<10)})
			return nil
		})))
		l.until(10*time.Minute, "delivered", func() bool { return l.ledger.distinct() == 4000 })
		time.Sleep(2 * time.Second)
		m.mustEnd()
		if r := m.Explain(); r.Totals.MaxHeld > int64(cfg.Memory) {
			t.Errorf("held %d of %d bytes", r.Totals.MaxHeld, cfg.Memory)
		}
		l.settled(4, 1000)
	})
}
