//go:build synctests

package consumer_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/sink"
)

func TestASinkIsGivenNoMoreThanItsRate(t *testing.T) {
	for name, rate := range map[string]consumer.Rate{"messages": {Count: 500}, "bytes": {Bytes: 500 << 10}} {
		t.Run(name, func(t *testing.T) {
			inLab(t, 2, func(l *lab) {
				if name == "bytes" {
					l.produceLarge(2, 10_000/2, 1<<10)
				} else {
					l.produce(2, 10_000/2, 100)
				}
				p := l.to(nil)
				p.Sink.Rate = rate
				begin := time.Now()
				m := l.run(l.config(), p)
				time.Sleep(12 * time.Second)
				r := m.Explain()
				if got := strings.Join(r.Reasons, ", "); !strings.Contains(got, "sink=default rate") {
					l.Errorf("reasons %q, want the rate among them", got)
				}
				m.mustEnd()
				for k, got := range l.ledger.rates(begin, 12) {
					if got > 600 || k >= 4 && got < 450 {
						l.Errorf("second %d: %d messages, want about 500 and never 600", k, got)
					}
				}
			})
		})
	}
}

// A sink whose calls hang for long, although their time is up: each is reported,
// and all the others keep their places.
func TestWritesThatDoNotHeedTheirContextGiveUpTheirPlace(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 400, 400)
		var hung atomic.Int64
		free := make(chan struct{})
		let := sync.OnceFunc(func() { close(free) })
		defer let()
		l.ledger.before = func(context.Context, []sink.Message) error {
			if hung.Add(1) <= 2 {
				<-free
			}
			return nil
		}
		p := consumer.Pipeline{Sink: consumer.Output{Sink: newSlowSink(l.ledger, 8, time.Millisecond)}}
		p.Sink.Limit.Fixed = 2 // both places
		m := l.run(l.config(), p)
		l.until(time.Minute, "the others delivered", func() bool { return l.ledger.distinct() >= 390 }) // others may share their lanes
		time.Sleep(time.Second)
		r := m.Explain()
		if got := r.Sinks[0]; got.Deaf != 2 || got.InFlight != 2 {
			l.Errorf("got %d deaf and %d in flight, want 2 and 2", got.Deaf, got.InFlight)
		}
		if got := strings.Join(r.Reasons, ", "); !strings.Contains(got, "sink=default calls do not end") {
			l.Errorf("reasons %q, want the calls among them", got)
		}
		let()
		l.until(time.Minute, "all delivered", func() bool { return l.ledger.distinct() == 400 })
		time.Sleep(2 * time.Second)
		if got := m.Explain().Sinks[0]; got.Deaf != 0 || got.InFlight != 0 {
			l.Errorf("afterwards got %d deaf and %d in flight, want none", got.Deaf, got.InFlight)
		}
		m.mustEnd()
		l.settled(1, 400)
	})
}

func TestTheDeadlineFollowsTheWritesAndNeverLeavesItsBounds(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		p := consumer.Pipeline{Sink: consumer.Output{Sink: newSlowSink(l.ledger, 8, 20*time.Millisecond)}}
		p.Sink.Timeout = 20 * time.Second
		var slow atomic.Bool
		l.ledger.before = func(ctx context.Context, batch []sink.Message) error {
			if slow.Load() && string(batch[0].Value) == "0" {
				select {
				case <-time.After(10 * time.Second):
				case <-ctx.Done():
					return ctx.Err()
				}
			}
			return nil
		}
		m := l.run(l.config(), p)
		for range 130 {
			l.produce(1, 20, 20)
			time.Sleep(time.Second)
		}
		if got := m.Explain().Sinks[0].Deadline; got != 4*time.Second {
			l.Errorf("deadline %s, want a fifth of 20s", got)
		}
		l.ledger.forget()
		slow.Store(true)
		l.produce(1, 20, 20)
		begin := time.Now()
		l.until(time.Minute, "the slow one delivered", func() bool { return l.ledger.distinct() == 20 })
		if took := time.Since(begin); took < 14*time.Second || took > 26*time.Second {
			l.Errorf("delivered after %s, want one cut at 4 s and then 10 s", took)
		}
		m.mustEnd()
	})
}

func TestAHandlerThatTakesTooLongIsTriedAgainAndGivenUp(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 20, 20)
		dead := &letters{}
		p := l.to(handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
			if rec.Offset == 3 {
				<-ctx.Done()
				return ctx.Err()
			}
			emit(rec.Message())
			return nil
		}))
		p.DeadLetter = consumer.Output{Sink: dead}
		cfg := l.config()
		cfg.HandlerTimeout, cfg.Attempts = 2*time.Second, 3
		m := l.run(cfg, p)
		l.until(time.Minute, "committed", func() bool { return l.committed(0) == 20 })
		if got := len(dead.all()); got != 1 {
			l.Errorf("%d dead letters, want 1", got)
		}
		m.mustEnd()
	})
}

func TestHandlersThatDoNotHeedTheirContextGiveUpTheirPlace(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 40, 40)
		free := make(chan struct{})
		let := sync.OnceFunc(func() { close(free) })
		defer let()
		m := l.run(func() consumer.Config {
			cfg := l.config()
			cfg.HandlerTimeout = time.Second
			return cfg
		}(), l.to(handlers.Func(func(_ context.Context, rec *handlers.Record, emit handlers.Emit) error {
			if rec.Offset < 2 {
				<-free
			}
			emit(rec.Message())
			return nil
		})), consumer.WithHandlers(2))
		l.until(time.Minute, "the others delivered", func() bool { return l.ledger.distinct() >= 34 }) // others may share their lanes
		time.Sleep(time.Second)
		if got := strings.Join(m.Explain().Reasons, ", "); !strings.Contains(got, "handler calls do not end") {
			l.Errorf("reasons %q, want the calls among them", got)
		}
		let()
		time.Sleep(3 * time.Second)
		if got := strings.Join(m.Explain().Reasons, ", "); strings.Contains(got, "handler calls do not end") {
			l.Errorf("reasons %q after they ended", got)
		}
		m.mustEnd()
		l.settled(1, 40)
	})
}
