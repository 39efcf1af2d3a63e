//go:build synctests

package consumer_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weir-kafka/weir/sink"
)

// faulty is a slow sink some of whose calls fail: those that fails reports, of those
// counted since.
type faulty struct {
	*slowSink

	mu    sync.Mutex
	fails func(call int) error // nil when none does
	calls int
	first map[string]bool // what was tried since
}

func newFaulty(l *lab, slots int, took time.Duration) *faulty {
	return &faulty{slowSink: newSlowSink(l.ledger, slots, took), first: map[string]bool{}}
}

func (f *faulty) Write(ctx context.Context, batch []sink.Message) error {
	if err := f.count(batch); err != nil {
		if err == context.DeadlineExceeded { //nolint:errorlint // it is that one
			<-ctx.Done()
		}
		return err
	}
	return f.slowSink.Write(ctx, batch)
}

func (f *faulty) count(batch []sink.Message) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.fails == nil {
		return nil
	}
	f.calls++
	f.first[batch[0].Source.String()] = true
	return f.fails(f.calls)
}

func (f *faulty) fail(fails func(call int) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fails = fails
}

// seen returns how many calls there were since calls fail, and of how many messages.
func (f *faulty) seen() (calls, first int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls, len(f.first)
}

// One call in five fails: nobody waits for that but the keys at fault.
func TestAFailureHoldsUpNothingButItsKey(t *testing.T) {
	for _, tc := range []struct{ fixed, want int }{{40, 1500}, {0, 1300}} { // of 1,600
		t.Run(fmt.Sprint("fixed ", tc.fixed), func(t *testing.T) {
			inLab(t, 2, func(l *lab) {
				l.produce(2, 35_000, 5000)
				s := newFaulty(l, 40, 20*time.Millisecond)
				dice := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same each time
				s.fail(func(int) error {
					if dice.IntN(5) == 0 {
						return errSink
					}
					return nil
				})
				p := l.to(nil)
				p.Sink.Sink, p.Sink.Limit.Fixed = s, tc.fixed
				cfg := l.config()
				cfg.Attempts = 1000
				m := l.run(cfg, p)
				time.Sleep(5 * time.Second)
				before := l.ledger.distinct()
				time.Sleep(20 * time.Second)
				if got := (l.ledger.distinct() - before) / 20; got < tc.want {
					l.Errorf("%d a second delivered, want %d", got, tc.want)
				}
				m.mustEnd()
				for _, v := range l.ledger.violations() {
					l.Errorf("order: %s", v)
				}
			})
		})
	}
}

// Beside what may be in flight, and what the budget pays for, an outage is given
// probes.
func TestAnOutageIsGivenProbesAndNoRetries(t *testing.T) {
	const inFlight, budget, probes = 40, 50, 60
	for _, tc := range []struct {
		name  string
		fixed int
		err   error
		want  int
	}{
		{"refused, fixed", inFlight, errSink, 6*inFlight + budget + probes},
		{"refused", 0, errSink, 4*inFlight + budget + probes},
		{"hangs, fixed", inFlight, context.DeadlineExceeded, inFlight + probes*2/3},
		{"hangs", 0, context.DeadlineExceeded, 2*inFlight + probes/5}, // a fast sink has more in flight than it has places
	} {
		t.Run(tc.name, func(t *testing.T) {
			inLab(t, 2, func(l *lab) {
				l.produce(2, 8000, 4000)
				s := newFaulty(l, inFlight, 20*time.Millisecond)
				p := l.to(nil)
				p.Sink.Sink, p.Sink.Limit.Fixed = s, tc.fixed
				m := l.run(l.config(), p)
				time.Sleep(5 * time.Second)
				s.fail(func(int) error { return tc.err })
				time.Sleep(time.Minute)
				s.fail(nil)
				if calls, first := s.seen(); calls > tc.want || calls*10 > first*11 {
					l.Errorf("%d calls in an outage, of %d messages: want at most %d, and few retries", calls, first, tc.want)
				}
				l.until(time.Minute, "delivered", func() bool { return l.ledger.distinct() == 16_000 })
				time.Sleep(2 * time.Second)
				m.mustEnd()
				l.settled(2, 8000)
			})
		})
	}
}

// Only one call in fifteen delivers: the sink is asked less and less.
func TestAnEmptyRetryBudgetHoldsTheSink(t *testing.T) {
	inLab(t, 2, func(l *lab) {
		l.produce(2, 300, 100)
		s := newFaulty(l, 8, time.Millisecond)
		s.fail(func(call int) error {
			if call%15 != 0 {
				return errSink
			}
			return nil
		})
		p := l.to(nil)
		p.Sink.Sink, p.Sink.Limit.Fixed = s, 8
		cfg := l.config()
		cfg.Attempts = 1000
		m := l.run(cfg, p)
		l.until(time.Minute, "the empty budget is a reason", func() bool {
			return strings.Contains(strings.Join(m.Explain().Reasons, ", "), "sink=default retry budget")
		})
		s.fail(nil)
		l.until(time.Minute, "delivered", func() bool { return l.ledger.distinct() == 600 })
		time.Sleep(2 * time.Second)
		m.mustEnd()
		l.settled(2, 300)
	})
}
