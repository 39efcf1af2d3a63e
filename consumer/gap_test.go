//go:build synctests

package consumer_test

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/sink"
)

// One record hangs, and its partition goes on: with every other key, without a pause.
func TestAPartitionGoesOnFarBeyondAGap(t *testing.T) {
	const beyond = 120_000
	inLab(t, 1, func(l *lab) {
		for from := 0; from < beyond; from += costBatch {
			l.put(0, recordBatch(costBatch, func(i int) int { return from + i }))
		}
		var got atomic.Int64
		m := l.run(l.config(), consumer.Pipeline{
			Handler: handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
				if rec.Offset == 0 {
					<-ctx.Done()
					return ctx.Err()
				}
				emit(rec.Message())
				return nil
			}),
			Sink: consumer.Output{Sink: sink.Func(func(_ context.Context, batch []sink.Message) error {
				got.Add(int64(len(batch)))
				return nil
			})},
		})
		const lane = beyond / 4096 * 3 // those that share one with it wait
		l.until(time.Minute, strconv.Itoa(beyond)+" beyond the gap", func() bool { return got.Load() >= beyond-lane })
		time.Sleep(10 * time.Second)
		r := m.Explain()
		if l.committed(0) > 0 || r.State != consumer.StateOpen || r.Partitions[0].State != consumer.StateOpen || r.Pauses > 0 {
			t.Errorf("committed at %d, %s with %d pauses for %q, want 0, open without", l.committed(0), r.Partitions[0].State, r.Pauses, r.Partitions[0].Reasons)
		}
		m.mustEnd()
	})
}
