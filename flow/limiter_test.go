package flow_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weir-kafka/weir/flow"
)

func TestLimiterHoldsItsLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := flow.NewLimiter(flow.Fixed(2))
		for i, want := range []bool{true, true, false} {
			if got := l.TryAcquire(); got != want {
				t.Fatalf("permit %d: %v, want %v", i+1, got, want)
			}
		}
		got := make(chan error, 1)
		go func() { got <- l.Acquire(t.Context()) }()
		synctest.Wait()
		if s := l.Snapshot(); s.Waiting != 1 || s.InFlight != 2 || s.Limit != 2 {
			t.Fatalf("%+v", s)
		}
		l.Done(flow.Outcome{Kind: flow.Done, Work: 1})
		if err := <-got; err != nil {
			t.Fatal(err)
		}
		l.Done(flow.Outcome{})
		l.Done(flow.Outcome{})
		l.Done(flow.Outcome{}) // one too many
		if l.InFlight() != 0 {
			t.Fatalf("%d in flight", l.InFlight())
		}
	})
}

func TestLimiterHonoursRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := flow.NewLimiter(flow.Fixed(8))
		err := l.Do(t.Context(), 1, func(context.Context) error { return flow.Overloaded(errors.New("full"), 3*time.Second) })
		if flow.Classify(err) != flow.Overload {
			t.Fatal(err)
		}
		if l.TryAcquire() {
			t.Fatal("a call started although it was asked to wait")
		}
		if s := l.Snapshot(); s.Reason != "retry-after" || s.HoldUntil.IsZero() {
			t.Fatalf("%+v", s)
		}
		start := time.Now()
		if err := l.Acquire(t.Context()); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(start); waited < 3*time.Second || waited > 3*time.Second+50*time.Millisecond {
			t.Fatalf("waited %s, want 3s", waited)
		}
	})
}

func TestLimiterGivesUpWithTheContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := flow.NewLimiter(flow.Fixed(1))
		l.TryAcquire()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := l.Acquire(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatal(err)
		}
		if s := l.Snapshot(); s.Waiting != 0 || s.InFlight != 1 {
			t.Fatalf("%+v", s)
		}
	})
}

func TestLimiterGivesThePermitOfAPanicBack(t *testing.T) {
	l := flow.NewLimiter(flow.Fixed(1))
	func() {
		defer func() { _ = recover() }()
		_ = l.Do(t.Context(), 1, func(context.Context) error { panic("boom") })
	}()
	if l.InFlight() != 0 {
		t.Fatal("the permit is gone")
	}
}

// measure is an algorithm that shows what it is told.
type measure struct{ windows []flow.Window }

func (m *measure) Next(now time.Time, w flow.Window) flow.Plan {
	m.windows = append(m.windows, w)
	return flow.Plan{Limit: 4, End: now.Add(time.Second)}
}

func TestLimiterMeasuresByLittlesLaw(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(measure)
		l := flow.NewLimiter(m)
		for range 10 { // two calls of 100 ms each at a time, for a second
			for range 2 {
				l.TryAcquire()
			}
			time.Sleep(100 * time.Millisecond)
			for range 2 {
				l.Done(flow.Outcome{Kind: flow.Done, Work: 5})
			}
		}
		l.TryAcquire()
		w := m.windows[len(m.windows)-1] // it ended with the last call but one
		if got := w.Latency(); got < 95*time.Millisecond || got > 110*time.Millisecond {
			t.Errorf("latency %s, want about 100ms", got)
		}
		if w.Work != 95 || w.Calls[flow.Done] != 19 || w.InFlight < 1.99 || w.InFlight > 2.01 || w.Full != 0 {
			t.Errorf("%+v", w)
		}
	})
}

// drive runs a sink in virtual time that takes capacity calls at once, each of
// latency, and refuses more, and returns the mean limit over the latter half of d.
func drive(t *testing.T, l *flow.Limiter, capacity int, latency, d time.Duration) (mean float64) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	room := flow.NewSemaphore(capacity)
	start, sum, n := time.Now(), 0, 0
	for l.Acquire(ctx) == nil {
		if time.Since(start) > d/2 {
			sum, n = sum+l.Limit(), n+1
		}
		go func() {
			if !room.TryAcquire(1) {
				time.Sleep(time.Millisecond)
				l.Done(flow.Outcome{Kind: flow.Overload})
				return
			}
			time.Sleep(latency)
			room.Release(1)
			l.Done(flow.Outcome{Kind: flow.Done, Work: 1})
		}()
	}
	time.Sleep(latency)
	return float64(sum) / float64(n)
}

func TestAIMDClimbsAndComesDownOnOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := flow.NewLimiter(flow.AIMD(flow.AIMDConfig{Min: 1, Max: 100, Initial: 4}))
		drive(t, l, 1000, 10*time.Millisecond, 20*time.Second)
		if l.Limit() != 100 {
			t.Fatalf("limit %d at a sink that has room for all, want the most, 100", l.Limit())
		}
		if mean := drive(t, l, 20, 10*time.Millisecond, 20*time.Second); mean < 10 || mean > 30 { // a sawtooth around it
			t.Fatalf("mean limit %.1f at a sink that takes 20", mean)
		}
	})
}

func TestAIMDProbesADeadSinkRarelyAndRecovers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := flow.NewLimiter(flow.AIMD(flow.AIMDConfig{Min: 1, Max: 64, Initial: 16}))
		calls := 0
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
		defer cancel()
		for l.Acquire(ctx) == nil {
			calls++
			time.Sleep(time.Millisecond)
			l.Done(flow.Outcome{Kind: flow.Retry})
		}
		if calls > 1000 {
			t.Errorf("%d calls in ten minutes to a dead sink", calls)
		}
		drive(t, l, 1000, 10*time.Millisecond, time.Minute)
		if l.Limit() != 64 {
			t.Errorf("limit %d a minute after the sink came back, want 64", l.Limit())
		}
	})
}
