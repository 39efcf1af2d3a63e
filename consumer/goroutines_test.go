//go:build synctests

package consumer_test

import (
	"context"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weir-kafka/weir/handlers"
)

// goroutines returns how many a member has after n records of so many keys have come
// from so many partitions, and how many it has left behind when it has ended.
func goroutines(t *testing.T, partitions, n, keys int) (has, left int) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		inBubble(t, int32(partitions), func(l *lab) {
			l.produce(partitions, n, keys)
			synctest.Wait()
			before := runtime.NumGoroutine()
			m := l.run(l.config(), l.to(nil))
			l.until(time.Minute, "delivered", func() bool { return l.ledger.distinct() == partitions*n })
			time.Sleep(time.Minute)
			has = runtime.NumGoroutine() - before
			m.mustEnd()
			time.Sleep(time.Minute) // the broker takes note
			left = runtime.NumGoroutine() - before
		})
	})
	return has, left
}

// Not parallel: all goroutines of the process are counted.
func TestGoroutinesGrowNeitherWithPartitionsNorWithKeys(t *testing.T) {
	few, _ := goroutines(t, 10, 10, 10)
	for _, tc := range []struct{ partitions, n, keys int }{{1000, 10, 10}, {10, 10_000, 10_000}} {
		has, left := goroutines(t, tc.partitions, tc.n, tc.keys)
		t.Logf("%d goroutines with %d partitions of %d keys", has, tc.partitions, tc.keys)
		if has > few {
			t.Errorf("%d goroutines with %d partitions of %d keys, want the %d with 10 of 10", has, tc.partitions, tc.keys, few)
		}
		if left > 0 {
			t.Errorf("%d goroutines left after Run with %d partitions of %d keys, want 0", left, tc.partitions, tc.keys)
		}
	}
}

// A handler that waits is called for as many records at the same time as may be, and
// nothing waits beside each of them.
func TestASlowHandlerHasNoMoreGoroutinesThanHandlers(t *testing.T) {
	const partitions, keys = 8, 1000
	few, _ := goroutines(t, partitions, 10, 10)
	synctest.Test(t, func(t *testing.T) {
		inBubble(t, partitions, func(l *lab) {
			l.produce(partitions, keys, keys)
			synctest.Wait()
			before := runtime.NumGoroutine()
			release := make(chan struct{})
			m := l.run(l.config(), l.to(handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
				<-release
				emit(rec.Message())
				return nil
			})))
			defer sync.OnceFunc(func() { close(release) })()
			time.Sleep(time.Minute)
			got := runtime.NumGoroutine() - before
			if most := few + 512 + 16; got > most || m.Workers() != 512 {
				t.Errorf("%d goroutines and %d handlers that wait, want at most %d and 512", got, m.Workers(), most)
			}
		})
	})
}
