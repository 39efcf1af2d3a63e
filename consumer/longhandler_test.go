//go:build synctests

package consumer_test

import (
	"context"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/handlers"
)

// A handler call of minutes is the trouble of its own key: what is written meanwhile
// is fetched and delivered, and members come and go.
func TestALongHandlerCallKeepsNothingElseWaiting(t *testing.T) {
	inLab(t, 2, func(l *lab) {
		called := make(chan struct{}, 100)
		h := handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
			if string(rec.Key) == "slow" {
				called <- struct{}{}
				select {
				case <-time.After(4 * time.Minute):
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			emit(rec.Message())
			return nil
		})
		write := func(key string) {
			for p := range int32(2) {
				l.write(&kgo.Record{Topic: topic, Partition: p, Key: []byte(key), Value: []byte(key)})
			}
		}
		cfg := l.config()
		cfg.HandlerTimeout = 10 * time.Minute
		first := l.run(cfg, l.to(h))
		l.write(&kgo.Record{Topic: topic, Key: []byte("slow"), Value: []byte("slow")})
		<-called
		write("a")
		l.until(10*time.Second, "the others delivered", func() bool { return l.ledger.distinct() == 2 })
		second := l.run(cfg, l.to(h))
		l.until(time.Minute, "one partition each", func() bool {
			return len(first.Explain().Partitions) == 1 && len(second.Explain().Partitions) == 1
		})
		write("b")
		l.until(20*time.Second, "delivered by two", func() bool { return l.ledger.distinct() == 4 })
		second.mustEnd()
		write("c")
		l.until(20*time.Second, "delivered by the one that stays", func() bool { return l.ledger.distinct() == 6 })
		l.until(10*time.Minute, "the slow one delivered", func() bool { return l.ledger.distinct() == 7 })
		first.mustEnd()
	})
}
