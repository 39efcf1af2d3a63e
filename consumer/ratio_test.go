//go:build synctests

package consumer_test

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/sink"
)

// rejectFrom makes a handler that rejects every record from an offset on.
func rejectFrom(offset int64) handlers.Handler {
	return handlers.Func(func(_ context.Context, rec *handlers.Record, emit handlers.Emit) error {
		if rec.Offset >= offset {
			return flow.Permanent(errors.New("the schema is gone"))
		}
		emit(rec.Message())
		return nil
	})
}

// rejecter is a ledger that rejects every message from an offset on.
type rejecter struct {
	ledger *ledger
	from   int64
}

func (r rejecter) Write(_ context.Context, batch []sink.Message) error {
	var failed sink.BatchError
	for i, m := range batch {
		if m.Source.Offset >= r.from {
			failed.Add(i, flow.Permanent(errors.New("the schema is gone")))
			continue
		}
		r.ledger.take(m)
	}
	return failed.Err()
}

// A topic that is rejected as a whole stays where it is: what the dead letters took
// until the pipeline stopped is committed, and all the rest comes again, in order.
func TestATopicIsNotEmptiedIntoTheDeadLetters(t *testing.T) {
	const n, good = 6000, 20
	for name, tt := range map[string]struct {
		handler handlers.Handler
		rejects bool // the sink
		step    string
	}{
		"handler": {handler: rejectFrom(good), step: "handler"},
		"sink":    {rejects: true, step: "sink default"},
	} {
		t.Run(name, func(t *testing.T) {
			inLab(t, 1, func(l *lab) {
				l.produce(1, n, 100)
				dead := new(letters)
				p := l.to(tt.handler)
				p.DeadLetter = consumer.Output{Sink: dead}
				if tt.rejects {
					p.Sink.Sink = rejecter{l.ledger, good}
				}
				m := l.run(l.config(), p)
				ended := func() bool { return len(m.done) > 0 }
				l.until(10*time.Minute, "ended", ended)
				err := m.end()
				var ratio *consumer.DeadLetterRatioError
				if !errors.As(err, &ratio) || ratio.Step != tt.step || ratio.Of < 1000 || float64(ratio.Rejected) <= 0.9*float64(ratio.Of) {
					l.Fatalf("Run returned %v, want more than 0.9 of 1,000 rejected by the %s", err, tt.step)
				}
				for _, want := range []string{"of its last 1", "failure.dead_letter_ratio 0.9", "the schema is gone", "set the ratio to 1"} {
					if !strings.Contains(err.Error(), want) {
						t.Errorf("%q is not said in: %v", want, err)
					}
				}
				took := map[int64]bool{}
				for _, d := range dead.all() {
					took[d.Source.Offset] = true
				}
				if len(took) == 0 || len(took) > 1000+10*good || len(took) != len(dead.all()) {
					t.Errorf("%d of %d dead letters, want about 1,000, each once", len(took), len(dead.all()))
				}
				for o := int64(0); o < l.committed(0); o++ {
					if !took[o] && !l.ledger.has(0, o) {
						t.Fatalf("offset %d is committed, and neither delivered nor a dead letter", o)
					}
				}
				if r := m.Explain(); r.HeldBytes != 0 || r.HeldRecords != 0 {
					t.Errorf("%d bytes and %d records are still counted", r.HeldBytes, r.HeldRecords)
				}

				again := l.run(l.config(), l.to(nil))
				l.until(time.Minute, "committed", func() bool { return l.committed(0) == n })
				again.mustEnd()
				if got, want := l.ledger.distinct(), n-len(took); got != want || l.ledger.duplicates() != 0 {
					t.Errorf("delivered %d and %d twice, want %d, none twice", got, l.ledger.duplicates(), want)
				}
				for o := range took {
					if l.ledger.has(0, o) {
						t.Errorf("offset %d is a dead letter and was delivered", o)
					}
				}
				if v := l.ledger.violations(); len(v) > 0 {
					t.Error(v)
				}
			})
		})
	}
}

// A burst that is longer than the window waits, and goes when what came beside it shows
// that not all is rejected.
func TestABurstOfPoisonDoesNotStopWhatIsGood(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		const poison, good = 1500, 1000
		l.produce(1, poison, 100)
		dead := new(letters)
		p := l.to(handlers.Func(func(_ context.Context, rec *handlers.Record, emit handlers.Emit) error {
			if rec.Offset < poison {
				return flow.Permanent(errors.New("poison"))
			}
			emit(rec.Message())
			return nil
		}))
		p.DeadLetter = consumer.Output{Sink: dead}
		var log logbook
		m := l.run(l.config(), p, log.logger())
		l.until(time.Minute, "the burst waits", func() bool { return len(log.lines("nearly all records are rejected")) == 1 })
		time.Sleep(20 * time.Second)
		if got := len(dead.all()); got != 1000 {
			t.Errorf("%d dead letters while the others wait, want 1,000", got)
		}
		l.produce(1, good, 100) // with the same keys: some stand behind what waits
		var beside []*kgo.Record
		for i := range good {
			beside = append(beside, &kgo.Record{Topic: topic, Key: []byte("beside" + strconv.Itoa(i%100)), Value: []byte("v")})
		}
		l.write(beside...)
		l.until(time.Minute, "committed", func() bool { return l.committed(0) == poison+2*good })
		m.mustEnd()
		if got := len(dead.all()); got != poison {
			t.Errorf("%d dead letters, want %d", got, poison)
		}
		if v := l.ledger.violations(); len(v) > 0 || l.ledger.distinct() != 2*good || l.ledger.duplicates() != 0 {
			t.Errorf("%d delivered, %d twice, order %v", l.ledger.distinct(), l.ledger.duplicates(), v)
		}
	})
}

// Poison among what is good, be it half of it, is what dead letters are for.
func TestHalfOfATopicMayBeDeadLetters(t *testing.T) {
	inLab(t, 2, func(l *lab) {
		dead := new(letters)
		p := l.to(handlers.Func(func(_ context.Context, rec *handlers.Record, emit handlers.Emit) error {
			if rec.Offset%2 == 0 {
				return flow.Permanent(errors.New("poison"))
			}
			emit(rec.Message())
			return nil
		}))
		p.DeadLetter = consumer.Output{Sink: dead}
		m := l.run(l.config(), p)
		for range 30 {
			l.produce(2, 100, 100)
			time.Sleep(time.Second)
		}
		l.until(time.Minute, "committed", func() bool { return l.committed(0) == 3000 && l.committed(1) == 3000 })
		m.mustEnd()
		if got := len(dead.all()); got != 3000 {
			t.Errorf("%d dead letters, want 3,000", got)
		}
	})
}
