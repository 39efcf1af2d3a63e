//go:build synctests

package consumer_test

import (
	"context"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/handlers"
)

// pollDelay is a clock that, once armed, stops the poll loop between a poll and
// the dispatch of what it brought.
type pollDelay struct {
	armed   atomic.Int64
	delayed atomic.Bool
}

func (d *pollDelay) now() time.Time {
	if wait := d.armed.Load(); wait > 0 {
		var pc [2]uintptr
		frames := runtime.CallersFrames(pc[:runtime.Callers(2, pc[:])])
		if f, _ := frames.Next(); strings.HasSuffix(f.Function, ".poll") && d.armed.CompareAndSwap(wait, 0) {
			d.delayed.Store(true)
			time.Sleep(time.Duration(wait))
		}
	}
	return time.Now()
}

// Records that were polled before a loss and dispatched after the next assignment
// would begin the new epoch in the middle, and what lies before them would count
// as fetched twice.
func TestRecordsPolledBeforeALossNeverReachTheNextEpoch(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		clock := new(pollDelay)
		var later atomic.Bool
		h := handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
			if rec.Offset < 5 && !later.Load() { // the first epoch does not get beyond its first batch
				<-ctx.Done()
				return ctx.Err()
			}
			emit(rec.Message())
			return nil
		})
		cfg := l.config()
		cfg.Order = consumer.OrderPartition
		m := l.run(cfg, l.to(h), consumer.WithNow(clock.now))
		l.until(time.Minute, "assigned", func() bool { return len(m.Explain().Partitions) == 1 })
		l.produce(1, 5, 5)
		l.until(time.Minute, "the first batch held", func() bool { return m.Explain().HeldRecords == 5 })
		clock.armed.Store(int64(20 * time.Second))
		l.produce(1, 5, 5)
		l.until(time.Minute, "the second batch polled", clock.delayed.Load)
		l.expel()
		later.Store(true)
		l.until(time.Minute, "committed", func() bool { return l.committed(0) == 10 })
		time.Sleep(30 * time.Second)
		m.mustEnd()
		l.settled(1, 10)
	})
}
