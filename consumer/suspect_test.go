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

// Two messages that a sink never takes, with nothing behind them that it would:
// neither is evidence about the other, and both must end all the same.
func TestTheLastMessagesOfAQuietTopicAreSuspectedInTheEnd(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.ledger.before = func(_ context.Context, batch []sink.Message) error {
			var be sink.BatchError
			for i := range batch {
				if batch[i].Source.Offset >= 97 {
					be.Add(i, errSink)
				}
			}
			if len(be.Failed()) == len(batch) {
				return errSink
			}
			return be.Err()
		}
		l.ledger.unordered = true // it counts before it knows what failed
		dead := new(letters)
		p := l.to(nil)
		p.DeadLetter = consumer.Output{Sink: dead}
		l.produce(1, 100, 100)
		m := l.run(l.config(), p)
		l.until(5*time.Minute, "committed", func() bool { return l.committed(0) == 100 })
		m.mustEnd()
		if got := len(dead.all()); got != 3 {
			t.Errorf("%d dead letters, want the 3 that the sink does not take", got)
		}
	})
}

// A handler that makes much of little does not outgrow the budget while the sink
// takes nothing.
func TestWhatHandlersMakeStaysWithinTheBudget(t *testing.T) {
	inLab(t, 2, func(l *lab) {
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
		m := l.run(cfg, l.to(handlers.Func(func(_ context.Context, rec *handlers.Record, emit handlers.Emit) error {
			msg := rec.Message()
			msg.Value = make([]byte, 10_000)
			emit(msg)
			return nil
		})))
		l.produce(2, 10_000, 1000) // 200 MB, once handled
		time.Sleep(10 * time.Minute)
		if got := m.Explain().Totals.MaxHeld; got > int64(cfg.Memory) {
			t.Errorf("held %d of %d bytes", got, cfg.Memory)
		}
		hung.Store(false)
		l.until(5*time.Minute, "committed", func() bool { return l.committed(0) == 10_000 && l.committed(1) == 10_000 })
		m.mustEnd()
		l.settled(2, 10_000)
	})
}
