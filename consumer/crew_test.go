//go:build synctests

package consumer_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weir-kafka/weir/handlers"
)

// Workers that were started while the handler waited are let go when it is quick
// again, and started again when it waits again.
func TestWorkersAreLetGoWhenHandlersAreQuickAgain(t *testing.T) {
	inLab(t, 8, func(l *lab) {
		var waits atomic.Bool
		m := l.run(l.config(), l.to(handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
			if waits.Load() {
				wait(ctx, 50*time.Millisecond)
			}
			emit(rec.Message())
			return nil
		})))
		want := 0
		for range 3 {
			waits.Store(true)
			l.produce(8, 100, 100)
			want += 800
			l.until(time.Minute, "more workers than processors", func() bool { return m.Workers() > 4*runtime.GOMAXPROCS(0) })
			l.until(time.Minute, "delivered", func() bool { return l.ledger.distinct() == want })
			waits.Store(false)
			for range 20 {
				l.produce(8, 10, 10)
				want += 80
				l.until(time.Minute, "delivered", func() bool { return l.ledger.distinct() == want })
			}
			if got, most := m.Workers(), runtime.GOMAXPROCS(0); got > most {
				t.Errorf("%d workers for a quick handler, want at most %d", got, most)
			}
		}
		m.mustEnd()
	})
}
