//go:build synctests

package consumer_test

import (
	"context"
	"testing"
	"time"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/handlers"
)

func TestEveryRecordIsDeliveredOnceInOrderAndCommitted(t *testing.T) {
	for _, order := range []consumer.Order{consumer.OrderKey, consumer.OrderPartition, consumer.OrderNone} {
		t.Run(string(order), func(t *testing.T) {
			inLab(t, 4, func(l *lab) {
				l.produce(4, 2000, 50)
				cfg := l.config()
				cfg.Order = order
				m := l.run(cfg, l.to(nil))
				l.until(time.Minute, "all delivered", func() bool { return l.ledger.distinct() == 8000 })
				m.mustEnd()
				if order == consumer.OrderNone {
					l.ledger.wrong = nil
				}
				l.settled(4, 2000)
			})
		})
	}
}

func TestAFilteredRecordIsCommittedWithoutAMessage(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 100, 10)
		m := l.run(l.config(), l.to(handlers.Func(func(context.Context, *handlers.Record, handlers.Emit) error { return nil })))
		l.until(time.Minute, "committed", func() bool { return l.committed(0) == 100 })
		m.mustEnd()
		if got := l.ledger.distinct(); got != 0 {
			t.Errorf("%d messages, want 0", got)
		}
	})
}
