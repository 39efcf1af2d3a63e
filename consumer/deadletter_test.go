//go:build synctests

package consumer_test

import (
	"context"
	"errors"
	"strings"
	"sync"
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
				if got := header(d, consumer.HeaderStack); strings.Contains(got, "deadletter_test.go") != tc.stack {
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

// A whole topic panics and the dead letters are down: what they will be, stack
// and all, is counted in the budget.
func TestDeadLettersThatWaitAreHeldInTheBudget(t *testing.T) {
	inLab(t, 2, func(l *lab) {
		l.produce(2, 20_000, 1000)
		dead := &letters{down: true}
		p := l.to(handlers.Func(func(context.Context, *handlers.Record, handlers.Emit) error {
			panic(strings.Repeat("x", 4<<10))
		}))
		p.DeadLetter = consumer.Output{Sink: dead}
		cfg := l.config()
		cfg.Memory, cfg.DeadLetterRatio = 16<<20, 1
		m := l.run(cfg, p)
		time.Sleep(2 * time.Minute)
		r := m.Explain()
		if got := r.Totals.MaxHeld; got > int64(cfg.Memory) || got < int64(cfg.Memory)/8 {
			l.Errorf("%d bytes of %d were held", got, cfg.Memory)
		}
		if r.HeldRecords == 40_000 || r.State != consumer.StatePaused {
			l.Errorf("state %s with %d records, want paused with a part", r.State, r.HeldRecords)
		}
		if got := l.committed(0); got > 0 {
			l.Errorf("committed %d", got)
		}
		dead.set(false)
		l.until(10*time.Minute, "committed", func() bool { return l.committed(0) == 20_000 && l.committed(1) == 20_000 })
		if r := m.Explain(); r.HeldBytes != 0 {
			l.Errorf("%d bytes are still counted", r.HeldBytes)
		}
		m.mustEnd()
		if got := len(dead.all()); got != 40_000 {
			l.Errorf("%d dead letters, want 40,000", got)
		}
	})
}
