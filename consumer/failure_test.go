//go:build synctests

package consumer_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/sink"
)

func TestARecordThatTheSinkRejectsGoesToTheDeadLetters(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 200, 20)
		l.ledger.before = func(_ context.Context, batch []sink.Message) error {
			for _, m := range batch {
				if m.Source.Offset == 77 || m.Source.Offset == 120 {
					return flow.Permanent(errSink) // without saying which
				}
			}
			return nil
		}
		dead := new(letters)
		p := l.to(nil)
		p.DeadLetter = consumer.Output{Sink: dead}
		m := l.run(l.config(), p)
		l.until(time.Minute, "committed", func() bool { return l.committed(0) == 200 })
		m.mustEnd()
		got := map[int64]bool{}
		for _, d := range dead.all() {
			got[d.Source.Offset] = true
			if step := header(d, consumer.HeaderStep); step != "sink default" {
				t.Errorf("step is %q", step)
			}
		}
		if len(got) != 2 || !got[77] || !got[120] {
			t.Errorf("dead letters are %v, want 77 and 120", got)
		}
		if got := l.ledger.distinct(); got != 198 {
			t.Errorf("%d delivered, want 198", got)
		}
		if v := l.ledger.violations(); len(v) > 0 {
			t.Error(v)
		}
	})
}

func TestAnOutageOfTheSinkEmptiesNothingIntoTheDeadLetters(t *testing.T) {
	inLab(t, 2, func(l *lab) {
		l.produce(2, 500, 50)
		var down atomic.Bool
		down.Store(true)
		l.ledger.before = func(context.Context, []sink.Message) error {
			if down.Load() {
				return errSink
			}
			return nil
		}
		dead := new(letters)
		p := l.to(nil)
		p.DeadLetter = consumer.Output{Sink: dead}
		m := l.run(l.config(), p)
		time.Sleep(10 * time.Minute)
		if got := l.committed(0); got > 0 {
			t.Errorf("committed %d during the outage", got)
		}
		down.Store(false)
		l.until(time.Minute, "committed", func() bool { return l.committed(0) == 500 && l.committed(1) == 500 })
		m.mustEnd()
		if got := len(dead.all()); got != 0 {
			t.Errorf("%d dead letters, want 0", got)
		}
		l.settled(2, 500)
	})
}

func TestAHandlerThatTakesAMinuteIsNotEvicted(t *testing.T) {
	for _, protocol := range []consumer.Protocol{consumer.ProtocolClassic, consumer.ProtocolConsumer} {
		t.Run(string(protocol), func(t *testing.T) {
			inLab(t, 1, func(l *lab) {
				l.produce(1, 3, 1)
				cfg := l.config()
				cfg.Kafka.Protocol = protocol
				var calls atomic.Int64
				m := l.run(cfg, l.to(handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
					calls.Add(1)
					return slow(time.Minute).Handle(ctx, rec, emit)
				})))
				l.until(5*time.Minute, "committed", func() bool { return l.committed(0) == 3 })
				if got := m.Explain().Rebalances; got != 1 {
					t.Errorf("%d rebalances, want the first assignment only", got)
				}
				m.mustEnd()
				if got := calls.Load(); got != 3 {
					t.Errorf("%d calls for 3 records", got)
				}
				l.settled(1, 3)
			})
		})
	}
}

func TestAShutdownWithWorkInFlightRepeatsNothing(t *testing.T) {
	inLab(t, 2, func(l *lab) {
		l.produce(2, 300, 300)
		cfg := l.config()
		cfg.Kafka.CommitInterval = time.Hour // only the shutdown commits
		first := l.run(cfg, l.to(slow(700*time.Millisecond)), consumer.WithHandlers(16))
		l.until(time.Minute, "some delivered", func() bool { return l.ledger.distinct() >= 40 })
		first.mustEnd()
		if n := l.ledger.distinct(); n == 600 {
			t.Fatal("nothing was left in flight")
		}
		l.run(l.config(), l.to(nil)).ended("the rest", 2, 300)
		l.settled(2, 300)
	})
}

func TestAShutdownWaitsForWritesInFlight(t *testing.T) {
	inLab(t, 2, func(l *lab) {
		l.produce(2, 300, 300)
		l.ledger.deaf(2 * time.Second)
		cfg := l.config()
		cfg.Order = consumer.OrderPartition
		first := l.run(cfg, l.to(slow(50*time.Millisecond)))
		l.until(time.Minute, "some delivered", func() bool { return l.ledger.distinct() >= 10 })
		first.mustEnd()
		if n := l.ledger.distinct(); n == 600 {
			t.Fatal("nothing was left in flight")
		}
		l.ledger.before = nil
		l.run(l.config(), l.to(nil)).ended("the rest", 2, 300)
		l.settled(2, 300)
	})
}

// ended waits until n records of every partition are delivered and committed,
// and ends the member.
func (m *member) ended(what string, partitions, n int) {
	m.lab.Helper()
	m.lab.until(time.Minute, what, func() bool { return m.lab.ledger.distinct() == partitions*n })
	time.Sleep(3 * time.Second)
	m.mustEnd()
}

func TestASinkThatAnswersOverloadIsAskedAgainAndNeverBlamed(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 200, 20)
		var n atomic.Int64
		l.ledger.before = func(context.Context, []sink.Message) error {
			if n.Add(1)%3 == 0 {
				return flow.Overloaded(errSink, 500*time.Millisecond)
			}
			return nil
		}
		dead := new(letters)
		p := l.to(nil)
		p.DeadLetter = consumer.Output{Sink: dead}
		l.run(l.config(), p).ended("delivered", 1, 200)
		l.settled(1, 200)
		if got := len(dead.all()); got != 0 {
			t.Errorf("%d dead letters, want 0", got)
		}
	})
}

// What a lane-mate of a hanging call has left behind goes first, however long
// its write takes.
func TestAHangingCallKeepsTheOrderOfItsKey(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 400, 2)
		var hang atomic.Bool
		l.ledger.before = func(ctx context.Context, batch []sink.Message) error {
			if hang.Load() && batch[0].Source.Offset < 200 {
				time.Sleep(3 * time.Second) // longer than the call that hangs
			}
			return nil
		}
		m := l.run(l.config(), l.to(handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
			if rec.Offset == 200 || rec.Offset == 320 {
				hang.Store(true)
				return slow(time.Second).Handle(ctx, rec, emit)
			}
			emit(rec.Message())
			return nil
		})))
		m.ended("delivered", 1, 400)
		l.settled(1, 400)
	})
}
