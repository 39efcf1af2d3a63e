//go:build synctests

package consumer_test

import (
	"context"
	"runtime"
	"strconv"
	"testing"
	"time"
	"weak"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/sink"
)

// One message of a batch waits for hours: what was delivered with it must not
// stay in memory, which the budget does not count any more.
func TestAWaitingMessageKeepsNoneOfItsNeighboursInMemory(t *testing.T) {
	const n, size = 200, 10 << 10
	full := flow.Overloaded(errSink, 0)
	for name, sinkOf := range map[string]func(l *lab) sink.Func{
		"one refused": func(l *lab) sink.Func {
			return func(_ context.Context, batch []sink.Message) error {
				var be sink.BatchError
				for i, m := range batch {
					if string(m.Key) == "k7" {
						be.Add(i, full)
						continue
					}
					l.ledger.take(m)
				}
				return be.Err()
			}
		},
		"its whole call refused": func(l *lab) sink.Func {
			return func(ctx context.Context, batch []sink.Message) error {
				for _, m := range batch {
					if string(m.Key) == "k7" {
						return full
					}
				}
				return l.ledger.Write(ctx, batch)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			inLab(t, 1, func(l *lab) {
				var recs []*kgo.Record
				for i := range n {
					recs = append(recs, &kgo.Record{Topic: topic, Key: []byte("k" + strconv.Itoa(i)), Value: make([]byte, size)})
				}
				l.write(recs...)
				var made []weak.Pointer[byte]
				h := handlers.Func(func(_ context.Context, rec *handlers.Record, emit handlers.Emit) error {
					m := rec.Message()
					m.Value = append([]byte(nil), m.Value...)
					l.ledger.mu.Lock()
					if string(rec.Key) != "k7" {
						made = append(made, weak.Make(&m.Value[0]))
					}
					l.ledger.mu.Unlock()
					emit(m)
					return nil
				})
				p := l.to(h)
				p.Sink.Sink = sinkOf(l)
				cfg := l.config()
				cfg.Order = consumer.OrderNone // with keys another may share the lane of k7
				m := l.run(cfg, p)
				time.Sleep(5 * time.Minute)
				alive := 0
				for range 3 {
					runtime.GC()
				}
				l.ledger.mu.Lock()
				for _, w := range made {
					if w.Value() != nil {
						alive++
					}
				}
				l.ledger.mu.Unlock()
				if got := l.ledger.distinct(); got != n-1 {
					l.Errorf("%d delivered, want %d", got, n-1)
				}
				if alive > 0 {
					l.Errorf("%d delivered messages are in memory", alive)
				}
				m.mustEnd()
			})
		})
	}
}
