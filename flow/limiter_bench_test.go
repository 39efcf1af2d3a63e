package flow_test

import (
	"context"
	"testing"
	"time"

	"github.com/weir-kafka/weir/flow"
)

// One goroutine that always finds a permit.
func BenchmarkLimiter(b *testing.B) {
	l := flow.NewLimiter(flow.Knee(flow.KneeConfig{Seed: 1}))
	b.ReportAllocs()
	for b.Loop() {
		if l.TryAcquire() {
			l.Done(flow.Outcome{Work: 1})
		}
	}
}

// 64 goroutines, all of which find a permit.
func BenchmarkLimiterContended(b *testing.B) {
	l := flow.NewLimiter(flow.Fixed(64))
	b.ReportAllocs()
	many(b, l)
}

// 64 goroutines of which 48 wait at any time.
func BenchmarkLimiterWaiting(b *testing.B) {
	l := flow.NewLimiter(flow.Fixed(16))
	b.ReportAllocs()
	many(b, l)
}

func many(b *testing.B, l *flow.Limiter) {
	const goroutines = 64
	done := make(chan struct{}, goroutines)
	b.ResetTimer()
	for g := range goroutines {
		n := b.N / goroutines
		if g == 0 {
			n += b.N % goroutines
		}
		go func() {
			for range n {
				if l.Acquire(context.Background()) == nil {
					l.Done(flow.Outcome{Work: 1})
				}
			}
			done <- struct{}{}
		}()
	}
	for range goroutines {
		<-done
	}
}

// Neither a call nor the end of a slot allocates. Not parallel: what others allocate
// would count.
func TestLimiterAllocatesNothing(t *testing.T) {
	now := noon()
	l := flow.NewLimiter(flow.Knee(flow.KneeConfig{Seed: 1}), flow.WithNow(func() time.Time { return now }))
	ctx, before := context.Background(), l.Snapshot()
	got := testing.AllocsPerRun(2000, func() {
		if err := l.Acquire(ctx); err != nil {
			t.Fatal(err)
		}
		now = now.Add(time.Millisecond)
		l.Done(flow.Outcome{Work: 1})
	})
	if got != 0 || l.Snapshot().Reason == before.Reason {
		t.Errorf("%v allocations, at last %q, want none in several slots", got, l.Snapshot().Reason)
	}
}
