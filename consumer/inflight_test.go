//go:build synctests

package consumer_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/sink"
)

// inUse is the heap and the stacks.
func inUse() int64 {
	heap := alive()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return heap + int64(m.StackInuse)
}

// Handlers that wait for something: as many at the same time as WithHandlers says, before
// anything is known of them. What each costs is a stack of 4 KiB, which a worker does not
// fit in 2 of, and 2 KiB for its record, the copy of it, its batch and the hand. Not
// parallel: the memory is everybody's.
func TestAHundredThousandHandlersWaitAtTheSameTime(t *testing.T) {
	if testing.Short() {
		t.Skip("stacks are larger with the race detector")
	}
	const handling = 100_000
	synctest.Test(t, func(t *testing.T) {
		inBubble(t, 100, func(l *lab) {
			for from := 0; from < handling; from += costBatch {
				l.put(from/costBatch%100, recordBatch(costBatch, func(i int) int { return from + i }))
			}
			before := inUse()
			var waiting atomic.Int64
			release := make(chan struct{})
			p := consumer.Pipeline{
				Handler: handlers.Func(func(_ context.Context, rec *handlers.Record, emit handlers.Emit) error {
					waiting.Add(1)
					<-release
					emit(rec.Message())
					return nil
				}),
				Sink: consumer.Output{Sink: sink.Func(func(context.Context, []sink.Message) error { return nil })},
			}
			cfg := l.config()
			cfg.Order = consumer.OrderNone
			m := l.run(cfg, p, consumer.WithHandlers(handling))
			time.Sleep(5 * time.Second)
			if got := waiting.Load(); got != handling {
				t.Errorf("%d handlers wait, want %d", got, handling)
			}
			got := (inUse() - before) / max(waiting.Load(), 1)
			t.Logf("%d bytes for each", got)
			if got > 6500 {
				t.Errorf("%d bytes for each that waits, want at most 6,500", got)
			}
			close(release)
			m.mustEnd()
		})
	})
}
