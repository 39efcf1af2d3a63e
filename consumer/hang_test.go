//go:build synctests

package consumer_test

import (
	"context"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/sink"
)

// As many calls hang as there are processors, before anything is known of the
// handler: the other keys need other workers.
func TestCallsThatHangHoldUpOnlyTheirKeys(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 100, 100)
		stuck := int64(runtime.GOMAXPROCS(0)) + 3
		m := l.run(l.config(), l.to(handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
			if rec.Offset < stuck {
				<-ctx.Done()
				return ctx.Err()
			}
			emit(rec.Message())
			return nil
		})))
		l.untilOnlyHeld(m, 100, int(stuck))
		m.mustEnd()
	})
}

// untilOnlyHeld waits until of n records those that hang and the few that happen
// to share a lane with them are all that is left.
func (l *lab) untilOnlyHeld(m *member, n, hang int) {
	l.Helper()
	l.until(5*time.Second, "the others delivered", func() bool {
		held := int(m.Explain().HeldRecords)
		return held <= hang+8 && l.ledger.distinct() == n-held
	})
}

// The same later, when handlers have long been quick and records come one by one.
func TestCallsThatHangOneByOneHoldUpOnlyTheirKeys(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		m := l.run(l.config(), l.to(handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
			if string(rec.Value) == "hang" {
				<-ctx.Done()
				return ctx.Err()
			}
			emit(rec.Message())
			return nil
		})))
		l.produce(1, 2000, 50)
		l.until(time.Minute, "delivered", func() bool { return l.ledger.distinct() == 2000 })
		for i := range runtime.GOMAXPROCS(0) + 1 {
			l.write(&kgo.Record{Topic: topic, Key: []byte("h" + strconv.Itoa(i)), Value: []byte("hang")})
			time.Sleep(100 * time.Millisecond)
		}
		l.produce(1, 10, 10)
		l.untilOnlyHeld(m, 2010+runtime.GOMAXPROCS(0)+1, runtime.GOMAXPROCS(0)+1)
		m.mustEnd()
	})
}

// A sink's call that never returns, whatever its context says, holds one permit
// and its own keys.
func TestAWriteThatNeverReturnsHoldsUpOnlyItsKeys(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		release := make(chan struct{})
		l.ledger.before = func(_ context.Context, batch []sink.Message) error {
			for i := range batch {
				if string(batch[i].Key) == "k0" {
					<-release
				}
			}
			return nil
		}
		m := l.run(l.config(), l.to(nil))
		l.write(&kgo.Record{Topic: topic, Key: []byte("k0"), Value: []byte("v")})
		time.Sleep(time.Second)
		l.produce(1, 200, 20)
		l.until(30*time.Second, "the others delivered", func() bool { return l.ledger.distinct() >= 180 }) // a key may share the lane
		time.Sleep(time.Hour)
		if got := m.Explain().Sinks[0].InFlight; got != 1 {
			t.Errorf("%d calls in flight, want the one that hangs", got)
		}
		close(release)
		l.until(time.Minute, "all delivered", func() bool { return l.ledger.distinct() == 201 })
		m.mustEnd()
	})
}

// With one handler everything waits for the call that hangs, and goes on after.
func TestOneHandlerIsEnough(t *testing.T) {
	inLab(t, 2, func(l *lab) {
		l.produce(2, 50, 5)
		m := l.run(l.config(), l.to(slow(100*time.Millisecond)), consumer.WithHandlers(1))
		m.ended("delivered", 2, 50)
		l.settled(2, 50)
	})
}

// A handler that is deaf keeps Run from returning, but not its successor from
// the partitions.
func TestAHandlerThatNeverReturnsDoesNotKeepThePartitions(t *testing.T) {
	inLab(t, 2, func(l *lab) {
		l.produce(2, 20, 20)
		release := make(chan struct{})
		let := sync.OnceFunc(func() { close(release) })
		defer let()
		m := l.run(l.config(), l.to(handlers.Func(func(_ context.Context, rec *handlers.Record, emit handlers.Emit) error {
			if rec.Offset == 10 {
				<-release
			}
			emit(rec.Message())
			return nil
		})))
		l.until(time.Minute, "the others delivered", func() bool { return l.ledger.distinct() == 38 })
		m.stop()
		time.Sleep(35 * time.Second) // the drain and the goodbye
		l.run(l.config(), l.to(nil))
		l.until(10*time.Second, "delivered by the successor", func() bool { return l.ledger.distinct() == 40 })
		let()
		m.mustEnd()
		if got := l.ledger.duplicates(); got != 0 {
			l.Errorf("%d duplicates, want 0", got)
		}
	})
}
