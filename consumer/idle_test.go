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
	"github.com/weir-kafka/weir/sink"
)

// alive is what is on the heap.
func alive() int64 {
	for range 3 { // what a pool holds outlives one collection
		runtime.GC()
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// idle returns the memory of a member that has nothing left to do: of what the heap is
// less when it has ended. It has had n records of each of so many partitions before,
// with so many keys in all.
func idle(t *testing.T, partitions, n, keys int) (bytes int64) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		inBubble(t, int32(partitions), func(l *lab) {
			var got atomic.Int64
			for from := 0; from < partitions*n; from += min(n, costBatch) {
				l.put(from/n, recordBatch(min(n, costBatch), func(i int) int { return (from + i) % keys }))
			}
			p := consumer.Pipeline{Sink: consumer.Output{Sink: sink.Func(func(_ context.Context, batch []sink.Message) error {
				got.Add(int64(len(batch)))
				return nil
			})}}
			m := l.run(l.config(), p)
			l.until(time.Hour, "delivered", func() bool { return got.Load() == int64(partitions*n) })
			time.Sleep(time.Minute)
			with := alive()
			m.mustEnd()
			l.members = nil
			m = nil
			time.Sleep(time.Minute)
			bytes = with - alive()
		})
	})
	return bytes
}

// What costs nothing while there is nothing to do. Not parallel: the heap is everybody's.
func TestAnIdlePartitionCostsLittle(t *testing.T) {
	few, many := idle(t, 10, 10_000, 1000), idle(t, 1000, 100, 1000) // as many records
	got := float64(many-few) / 990
	t.Logf("%.0f bytes an idle partition, the client's included", got)
	if got > 3<<10 {
		t.Errorf("%.0f bytes an idle partition, want at most 3 KiB", got)
	}
}

// A byte each is what pools and buffers may differ by.
func TestAnIdleKeyCostsNothing(t *testing.T) {
	if testing.Short() {
		t.Skip("two million records")
	}
	const partitions, n = 8, 125_000
	few, many := idle(t, partitions, n, 1000), idle(t, partitions, n, partitions*n)
	t.Logf("%d bytes after a million records of 1,000 keys, %d of a million", few, many)
	if got := many - few; got > partitions*n {
		t.Errorf("%d bytes more after a million keys than after 1,000, want none", got)
	}
}
