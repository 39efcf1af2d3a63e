//go:build synctests

package consumer_test

import (
	"context"
	"errors"
	"runtime"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/handlers"
)

// quickly runs 2,000 records through a handler that takes no time, so that batches
// are large, and then n more, which act gets.
func (l *lab) quickly(cfg consumer.Config, n int, act func(ctx context.Context, rec *handlers.Record) error) *member {
	l.Helper()
	m := l.run(cfg, l.to(handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
		if rec.Offset >= 2000 {
			if err := act(ctx, rec); err != nil {
				return err
			}
		}
		emit(rec.Message())
		return nil
	})))
	l.produce(1, 2000, 500)
	l.until(time.Minute, "the first delivered", func() bool { return l.ledger.distinct() == 2000 })
	l.produce(1, n, n)
	return m
}

// Calls of one batch take nothing from the time of those behind them.
func TestEveryHandlerCallHasAllItsTime(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		cfg := l.config()
		cfg.HandlerTimeout = 100 * time.Millisecond
		var mu sync.Mutex
		var again []int64
		m := l.quickly(cfg, 100, func(ctx context.Context, rec *handlers.Record) error {
			d := 4 * time.Millisecond
			if rec.Offset%15 == 14 {
				d = 90 * time.Millisecond
			}
			wait(ctx, d)
			if err := ctx.Err(); err != nil {
				mu.Lock()
				defer mu.Unlock()
				again = append(again, rec.Offset)
				return err
			}
			return nil
		})
		l.until(time.Minute, "delivered", func() bool { return l.ledger.distinct() == 2100 })
		if len(again) > 0 {
			t.Errorf("the time of %v was up, and none took all of it", again)
		}
		m.mustEnd()
	})
}

// A context that nobody asked during the call is cancelled all the same after it,
// and so is what was made from it.
func TestAHandlersContextEndsWithItsCall(t *testing.T) {
	for name, derive := range map[string]bool{"never asked": false, "asked by another made from it": true} {
		t.Run(name, func(t *testing.T) {
			inLab(t, 1, func(l *lab) {
				var mu sync.Mutex
				var kept []context.Context
				m := l.quickly(l.config(), 20, func(ctx context.Context, _ *handlers.Record) error {
					mu.Lock()
					defer mu.Unlock()
					if kept = append(kept, ctx); derive {
						child, cancel := context.WithCancel(ctx)
						context.AfterFunc(child, cancel)
						kept = append(kept, child)
					}
					return nil
				})
				l.until(time.Minute, "delivered", func() bool { return l.ledger.distinct() == 2020 })
				for i, ctx := range kept {
					if got := ctx.Err(); !errors.Is(got, context.Canceled) {
						t.Errorf("context %d: %v after its call, want cancelled", i, got)
					}
				}
				m.mustEnd()
			})
		})
	}
}

// A call that first asks when its time has long been up finds that it is.
func TestTheTimeOfACallThatHangsCountsFromItsBegin(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		cfg := l.config()
		cfg.HandlerTimeout = time.Second
		var mu sync.Mutex
		var late error
		m := l.quickly(cfg, 20, func(ctx context.Context, rec *handlers.Record) error {
			if rec.Offset == 2005 && rec.Attempt == 1 {
				time.Sleep(1100 * time.Millisecond)
				mu.Lock()
				defer mu.Unlock()
				late = ctx.Err()
				return late
			}
			return nil
		})
		l.until(time.Minute, "delivered", func() bool { return l.ledger.distinct() == 2020 })
		if !errors.Is(late, context.DeadlineExceeded) {
			t.Errorf("the call saw %v, want that its time is up", late)
		}
		m.mustEnd()
	})
}

// A worker that came back takes its place again: there are never more calls than
// were allowed, save while some are deaf.
func TestCallsThatComeBackLeaveNoMoreWorkersThanAllowed(t *testing.T) {
	for _, most := range []int{1, 3} {
		t.Run(strconv.Itoa(most), func(t *testing.T) {
			inLab(t, 4, func(l *lab) {
				l.produce(4, 10, 10)
				var mu sync.Mutex
				var now, peak int
				free := make(chan struct{})
				let := sync.OnceFunc(func() { close(free) })
				defer let()
				cfg := l.config()
				cfg.HandlerTimeout = time.Second
				m := l.run(cfg, l.to(handlers.Func(func(_ context.Context, rec *handlers.Record, emit handlers.Emit) error {
					if rec.Offset == 0 {
						<-free
					}
					mu.Lock()
					now++
					peak = max(peak, now)
					mu.Unlock()
					time.Sleep(20 * time.Millisecond)
					mu.Lock()
					now--
					mu.Unlock()
					emit(rec.Message())
					return nil
				})), consumer.WithHandlers(most))
				l.until(time.Minute, "the others delivered", func() bool { return l.ledger.distinct() >= 30 })
				let()
				time.Sleep(5 * time.Second)
				mu.Lock()
				peak = 0
				mu.Unlock()
				l.produce(4, 100, 100)
				l.until(time.Minute, "delivered", func() bool { return l.ledger.distinct() == 440 })
				if mu.Lock(); peak > most {
					t.Errorf("%d calls at the same time, want at most %d (of %d processors)", peak, most, runtime.GOMAXPROCS(0))
				}
				mu.Unlock()
				m.mustEnd()
			})
		})
	}
}
