//go:build synctests

package consumer_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/sink"
)

// letters is a dead-letter sink that can be down.
type letters struct {
	mu   sync.Mutex
	down bool
	got  []sink.Message
}

func (d *letters) Write(_ context.Context, batch []sink.Message) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.down {
		return errSink
	}
	for _, m := range batch {
		m.Key, m.Value = append([]byte(nil), m.Key...), append([]byte(nil), m.Value...)
		d.got = append(d.got, m)
	}
	return nil
}

func (d *letters) set(down bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.down = down
}

func (d *letters) all() []sink.Message {
	d.mu.Lock()
	defer d.mu.Unlock()
	return append([]sink.Message(nil), d.got...)
}

func header(m sink.Message, key string) string {
	for _, h := range m.Headers {
		if h.Key == key {
			return string(h.Value)
		}
	}
	return ""
}

// failingAt returns a handler that does f at one offset.
func failingAt(offset int64, f func() error) handlers.Handler {
	return handlers.Func(func(_ context.Context, rec *handlers.Record, emit handlers.Emit) error {
		if rec.Offset == offset {
			if err := f(); err != nil {
				return err
			}
		}
		emit(rec.Message())
		return nil
	})
}

func TestAPoisonRecordGoesToTheDeadLettersAndTheRestFlows(t *testing.T) {
	for name, tc := range map[string]struct {
		fail     func() error
		attempts string
		stack    bool
	}{
		"panic":     {func() error { panic("boom") }, "1", true},
		"permanent": {func() error { return flow.Permanent(errors.New("boom")) }, "1", false},
		"error":     {func() error { return errors.New("boom") }, "5", false},
	} {
		t.Run(name, func(t *testing.T) {
			inLab(t, 1, func(l *lab) {
				l.produce(1, 100, 10)
				dead := new(letters)
				p := l.to(failingAt(42, tc.fail))
				p.DeadLetter = consumer.Output{Sink: dead}
				m := l.run(l.config(), p)
				l.until(time.Minute, "committed", func() bool { return l.committed(0) == 100 })
				m.mustEnd()
				if got := l.ledger.distinct(); got != 99 {
					t.Errorf("%d records delivered, want 99", got)
				}
				if v := l.ledger.violations(); len(v) > 0 {
					t.Error(v)
				}
				got := dead.all()
				if len(got) != 1 {
					t.Fatalf("%d dead letters, want 1", len(got))
				}
				d := got[0]
				if string(d.Key) != "k2" || string(d.Value) != "42" {
					t.Errorf("dead letter is %s=%s, want k2=42", d.Key, d.Value)
				}
				for key, want := range map[string]string{
					consumer.HeaderTopic: topic, consumer.HeaderPartition: "0", consumer.HeaderOffset: "42",
					consumer.HeaderStep: "handler", consumer.HeaderAttempts: tc.attempts,
				} {
					if got := header(d, key); got != want {
						t.Errorf("%s is %q, want %q", key, got, want)
					}
				}
				if got := header(d, consumer.HeaderError); !strings.Contains(got, "boom") {
					t.Errorf("error is %q", got)
				}
				if got := header(d, consumer.HeaderStack); strings.Contains(got, "failure_test.go") != tc.stack {
					t.Errorf("stack is %q", got)
				}
			})
		})
	}
}

func TestOnlyTheDeadLettersAcknowledgementAdvancesTheOffset(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 100, 100)
		dead := &letters{down: true}
		p := l.to(failingAt(42, func() error { return flow.Permanent(errors.New("boom")) }))
		p.DeadLetter = consumer.Output{Sink: dead}
		m := l.run(l.config(), p)
		l.until(time.Minute, "the others delivered", func() bool { return l.ledger.distinct() == 99 })
		time.Sleep(5 * time.Minute)
		if got := l.committed(0); got != 42 {
			t.Errorf("committed %d while the dead letter was not kept, want 42", got)
		}
		dead.set(false)
		l.until(time.Minute, "committed", func() bool { return l.committed(0) == 100 })
		m.mustEnd()
		if got := len(dead.all()); got != 1 {
			t.Errorf("%d dead letters, want 1", got)
		}
	})
}

func TestARejectedRecordWithoutDeadLettersStopsTheConsumer(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 100, 100)
		m := l.run(l.config(), l.to(failingAt(42, func() error { return flow.Permanent(errors.New("boom")) })))
		err := <-m.done
		m.once.Do(func() { m.err = err })
		var rejected *consumer.RejectedError
		if !errors.As(err, &rejected) || rejected.Offset != 42 || rejected.Partition != 0 {
			t.Fatalf("Run returned %v, want the rejected record 42", err)
		}
		if got := l.committed(0); got > 42 {
			t.Errorf("committed %d, beyond the record that nobody kept", got)
		}
	})
}

// What stands behind the rejected record in its lane must not overtake it: after
// a restart it would come again, behind its successors.
func TestNothingOvertakesARejectedRecordThatStopsTheConsumer(t *testing.T) {
	poison := func(offset int64) bool { return offset == 40 }
	reject := flow.Permanent(errors.New("boom"))
	for name, tc := range map[string]struct {
		handler handlers.Handler
		sink    func(ctx context.Context, batch []sink.Message) error
	}{
		"handler": {handler: failingAt(40, func() error { return reject })},
		"sink": {sink: func(_ context.Context, batch []sink.Message) error {
			for _, m := range batch {
				if poison(m.Source.Offset) {
					return reject
				}
			}
			return nil
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inLab(t, 1, func(l *lab) {
				l.produce(1, 400, 2)
				l.ledger.before = tc.sink
				m := l.run(l.config(), l.to(tc.handler))
				err := <-m.done
				m.once.Do(func() { m.err = err })
				var rejected *consumer.RejectedError
				if !errors.As(err, &rejected) || rejected.Offset != 40 {
					l.Fatalf("Run returned %v, want the rejected record 40", err)
				}
				for o := int64(40); o < 400; o += 2 {
					if l.ledger.has(0, o) {
						l.Fatalf("offset %d of the same key was delivered", o)
					}
				}
				if r := m.Explain(); r.HeldBytes != 0 || r.HeldRecords != 0 {
					l.Errorf("%d bytes and %d records are still counted", r.HeldBytes, r.HeldRecords)
				}
			})
		})
	}
}

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
