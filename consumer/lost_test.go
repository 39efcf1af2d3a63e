//go:build synctests

package consumer_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/sink"
)

// A batch is begun while the partition is ours; what is left of it when the
// partition is lost belongs to the next owner.
func TestTheRestOfABatchOfALostPartitionIsNotHandled(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 20000, 500)
		var late atomic.Int64
		m := l.run(l.config(), l.to(handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
			if ctx.Err() != nil {
				late.Add(1)
			}
			if rec.Offset >= 2000 {
				time.Sleep(time.Millisecond)
			}
			emit(rec.Message())
			return nil
		})), consumer.WithHandlers(1))
		l.expel()
		l.until(time.Minute, "delivered", func() bool { return l.ledger.distinct() == 20000 })
		if got := late.Load(); got != 0 {
			t.Errorf("%d calls began after their partition was lost, want none", got)
		}
		m.mustEnd()
	})
}

// A write of nothing but lost records is told to end.
func TestAWriteOfLostRecordsIsCancelled(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 10, 10)
		var hung atomic.Int64 // for how long the first write did
		l.ledger.before = func(ctx context.Context, _ []sink.Message) error {
			if hung.Load() > 0 {
				return nil
			}
			begin := time.Now()
			<-ctx.Done()
			hung.CompareAndSwap(0, int64(time.Since(begin)))
			return ctx.Err()
		}
		p := l.to(nil)
		p.Sink.Timeout = time.Hour
		m := l.run(l.config(), p)
		l.expel()
		l.until(time.Minute, "delivered", func() bool { return l.ledger.distinct() == 10 })
		if got := time.Duration(hung.Load()); got > 10*time.Second {
			t.Errorf("the write was told to end after %s, want at the loss", got)
		}
		m.mustEnd()
		l.settled(1, 10)
	})
}
