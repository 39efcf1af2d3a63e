package pool_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weir-kafka/weir/integration/pool"
)

// load keeps so many calls at p for so long, each with its patience.
func load(t *testing.T, p *pool.Pool, calls int, lasts, patience time.Duration) {
	t.Helper()
	var callers sync.WaitGroup
	end := time.Now().Add(lasts)
	for range calls {
		callers.Go(func() {
			for time.Now().Before(end) {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				_, _ = p.Call(ctx)
				cancel()
			}
		})
	}
	callers.Wait()
}

func TestAPoolServesWhatItCanAndSlowerInProportion(t *testing.T) {
	t.Parallel()
	for _, slower := range []float64{0, 1, 10} {
		synctest.Test(t, func(t *testing.T) {
			p, w := pool.New(8, 20*time.Millisecond), pool.Way{Servers: 8, Slower: slower}
			p.Behave(w)
			load(t, p, 16, time.Minute, time.Hour)
			got, want := float64(len(p.Behave(w).Calls))/60, p.Can(w)
			if got < 0.95*want || got > 1.05*want {
				t.Errorf("slower by %.0f: served %.1f a second, want %.1f", slower, got, want)
			}
		})
	}
}

func TestACallTakesItsWorkAndItsWait(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p, w := pool.New(1, 10*time.Millisecond), pool.Way{Servers: 1}
		load(t, p, 3, time.Second, time.Hour)
		calls := p.Behave(w).Calls
		for i, c := range calls[3 : len(calls)-3] {
			if c.Gone || c.Took <= c.Worked {
				t.Fatalf("call %d took %s with %s of work, want a wait of two others", i, c.Took, c.Worked)
			}
		}
	})
}

func TestACallThatNobodyWaitsForIsWorkedAtAllTheSame(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := pool.New(1, time.Second)
		p.Behave(pool.Way{Servers: 1, Frozen: true})
		load(t, p, 2, time.Millisecond, time.Millisecond)
		p.Behave(pool.Way{Servers: 1})
		time.Sleep(time.Minute)
		calls := p.Behave(pool.Way{Servers: 1}).Calls
		if len(calls) != 2 || !calls[0].Gone || !calls[1].Gone {
			t.Errorf("served %v, want two calls that nobody waits for", calls)
		}
	})
}
