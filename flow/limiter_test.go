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
		if a, b, c := l.TryAcquire(), l.TryAcquire(), l.TryAcquire(); !a || !b || c {
			t.Fatal("want two permits and no third")
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
		for range 11 { // two calls of 100 ms each at a time
			for range 2 {
				l.TryAcquire()
			}
			time.Sleep(99*time.Millisecond + 500*time.Microsecond)
			for range 2 {
				l.Done(flow.Outcome{Kind: flow.Done, Work: 5})
			}
		}
		w := m.windows[1] // the first is empty
		if got := w.Latency(); got < 98*time.Millisecond || got > 102*time.Millisecond {
			t.Errorf("latency %s, want about 100ms", got)
		}
		if w.Work != 100 || w.Calls[flow.Done] != 20 || w.InFlight != 2 {
			t.Errorf("%+v", w)
		}
		if !w.End.Equal(w.Start.Add(time.Second)) || w.Gap != 99*time.Millisecond+500*time.Microsecond {
			t.Errorf("slot of %s and a gap of %s", w.End.Sub(w.Start), w.Gap)
		}
	})
}

// A slot that is looked at later still ends on time, and what comes after its
// end belongs to the next.
func TestLimiterEndsSlotsExactly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(measure)
		l := flow.NewLimiter(m)
		l.TryAcquire()
		time.Sleep(1500 * time.Millisecond)
		l.Done(flow.Outcome{})
		time.Sleep(time.Second)
		l.TryAcquire()
		if len(m.windows) != 3 {
			t.Fatalf("%d windows, want 3", len(m.windows))
		}
		w, next := m.windows[1], m.windows[2]
		if w.End.Sub(w.Start) != time.Second || w.Completed() != 0 || w.InFlight != 1 || w.Gap != time.Second {
			t.Errorf("the slot before the answer: %+v", w)
		}
		// The plan made at 1.5 s ends at 2.5 s; the call was in flight for half a second of it.
		if !next.Start.Equal(w.End) || next.Completed() != 1 || next.InFlight < 0.33 || next.InFlight > 0.34 {
			t.Errorf("the slot of the answer: %+v", next)
		}
	})
}

func TestLimiterCountsARefusalWithRetryAfterApart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := new(measure)
		l := flow.NewLimiter(m)
		for _, o := range []flow.Outcome{
			{Kind: flow.Overload, RetryAfter: time.Millisecond},
			{Kind: flow.Overload, Work: 3}, // some of it took effect
			{Kind: flow.Retry, Work: 4},    // the other side had room: as good as done
			{Kind: flow.Retry},
			{Kind: flow.Done}, // no work counts as one unit
		} {
			time.Sleep(100 * time.Millisecond)
			if !l.TryAcquire() {
				t.Fatal("no permit")
			}
			l.Done(o)
		}
		time.Sleep(time.Second)
		l.TryAcquire()
		w := m.windows[1]
		if want := [5]int{flow.Done: 2, flow.Retry: 1, flow.Overload: 1}; w.Calls != want || w.Throttled != 1 || w.Work != 8 {
			t.Errorf("%+v", w)
		}
	})
}

// keeper is an algorithm that lets failed calls keep their places.
type keeper struct{}

func (keeper) Next(now time.Time, _ flow.Window) flow.Plan {
	return flow.Plan{Limit: 2, End: now.Add(time.Hour), Keep: 100 * time.Millisecond}
}

func TestLimiterKeepsThePlaceOfAFailedCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := flow.NewLimiter(keeper{})
		starts := 0
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		for l.Acquire(ctx) == nil {
			starts++
			l.Done(flow.Outcome{Kind: flow.Retry}) // at once
		}
		// Two places, each kept for 100 to 150 ms, of 125 in the mean.
		if starts < 150 || starts > 170 {
			t.Errorf("%d calls in 10 s, want about 160", starts)
		}
		time.Sleep(150 * time.Millisecond)
		if a, b, c := l.TryAcquire(), l.TryAcquire(), l.TryAcquire(); !a || !b || c {
			t.Error("want both places free again")
		}
		l.Done(flow.Outcome{})
		if !l.TryAcquire() {
			t.Error("a call that was done kept its place")
		}
	})
}

// stopper keeps places for an hour, and stops all calls for the first second of its second slot.
type stopper struct{ slots int }

func (s *stopper) Next(now time.Time, _ flow.Window) flow.Plan {
	p := flow.Plan{Limit: 1, Keep: time.Hour, End: now.Add(2 * time.Second)}
	if s.slots++; s.slots == 2 {
		p.HoldUntil = now.Add(time.Second)
	}
	return p
}

// When an algorithm stops all calls, those that failed before keep no place beyond
// it: nothing could find out that the other side is back.
func TestNoPlaceIsKeptBeyondAStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := flow.NewLimiter(&stopper{})
		l.TryAcquire()
		l.Done(flow.Outcome{Kind: flow.Overload})
		if l.TryAcquire() {
			t.Fatal("a call that failed kept no place")
		}
		time.Sleep(2 * time.Second)
		if l.TryAcquire() {
			t.Fatal("a call although all are stopped")
		}
		time.Sleep(time.Second)
		if !l.TryAcquire() {
			t.Fatalf("no call after the stop: %+v", l.Snapshot())
		}
	})
}

// Who waits already is let go when the Retry-After of a call that ends later is
// over, and not when the slot is.
func TestAWaiterIsLetGoAfterALaterRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := flow.NewLimiter(keeper{})
		l.TryAcquire()
		l.TryAcquire()
		begin := time.Now()
		waited := make(chan time.Duration)
		go func() {
			if err := l.Acquire(t.Context()); err != nil {
				t.Error(err)
			}
			waited <- time.Since(begin)
		}()
		synctest.Wait()
		l.Done(flow.Outcome{Kind: flow.Overload, RetryAfter: 2 * time.Second})
		if got := <-waited; got < 2*time.Second || got > 2*time.Second+10*time.Millisecond {
			t.Errorf("waited %s, want 2s", got)
		}
	})
}

// A simulator needs to know when to come back although nothing is in flight.
func TestHoldUntilIsWhenTheFirstKeptPlaceIsFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := flow.NewLimiter(keeper{})
		for range 2 {
			l.TryAcquire()
			l.Done(flow.Outcome{Kind: flow.Overload})
		}
		if l.TryAcquire() {
			t.Fatal("both places are kept")
		}
		time.Sleep(time.Until(l.HoldUntil()))
		if !l.TryAcquire() {
			t.Errorf("no call at HoldUntil: %+v", l.Snapshot())
		}
	})
}

// After a Retry-After one call finds out whether the others may follow, each time.
func TestOneCallProbesAfterRetryAfter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := flow.NewLimiter(flow.Fixed(8))
		may := func() (n int) {
			for l.TryAcquire() {
				n++
			}
			return n
		}
		may()
		for range 3 {
			for range l.InFlight() {
				l.Done(flow.Outcome{Kind: flow.Overload, RetryAfter: time.Second})
			}
			time.Sleep(time.Second)
			if got := may(); got != 1 {
				t.Fatalf("%d calls after Retry-After, want 1", got)
			}
		}
		l.Done(flow.Outcome{Kind: flow.Ignore})
		if got := may(); got != 1 {
			t.Fatalf("%d calls after a probe without an answer, want 1", got)
		}
		l.Done(flow.Outcome{Kind: flow.Reject})
		if got := may(); got != 8 {
			t.Fatalf("%d calls after a probe was answered, want 8", got)
		}
	})
}

// quota runs a sink with a quota of perSecond for d and returns how many calls it
// served and refused.
func quota(ctx context.Context, l *flow.Limiter, perSecond float64, d time.Duration) (served, refused int) {
	return limited(ctx, l, perSecond, d, true)
}

// limited is quota with a side that may not say that it is one.
func limited(ctx context.Context, l *flow.Limiter, perSecond float64, d time.Duration, says bool) (served, refused int) {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	tokens, filled := 10.0, time.Now()
	for l.Acquire(ctx) == nil {
		now := time.Now()
		tokens, filled = min(tokens+perSecond*now.Sub(filled).Seconds(), 10), now
		if tokens < 1 {
			refused++
			l.Done(flow.Outcome{Kind: flow.Overload, RetryAfter: time.Second, Quota: says})
			continue
		}
		tokens--
		served++
		time.Sleep(2 * time.Millisecond)
		l.Done(flow.Outcome{Kind: flow.Done, Work: 1})
	}
	return served, refused
}

func TestLimiterLearnsAQuota(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := flow.NewLimiter(flow.Fixed(8))
		served, refused := quota(t.Context(), l, 100, 2*time.Minute)
		if served < 10000 || refused > 20 {
			t.Errorf("%d served and %d refused in two minutes at a quota of 100 a second", served, refused)
		}
		quota(t.Context(), l, 1e6, 3*time.Minute) // it is lifted
		if served, refused = quota(t.Context(), l, 1e6, time.Second); served < 400 || refused > 0 {
			t.Errorf("%d served in the last second, %d refused, long after the quota was lifted", served, refused)
		}
	})
}

// A side that refuses at a rate, and does not say that it is a quota, gets the greater
// part of it.
func TestLimiterLearnsAQuotaThatIsNotSaidToBeOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		served, refused := limited(t.Context(), flow.NewLimiter(flow.Fixed(8)), 100, 2*time.Minute, false)
		if served < 6500 || refused > 60 {
			t.Errorf("%d served and %d refused in two minutes at a rate of 100 a second", served, refused)
		}
	})
}

// Refusals that have nothing to do with the rate, and come while little is asked, must
// not hold what is asked later: the side had no room for a moment.
func TestLimiterIsSoonBackAfterRefusalsWhileLittleWasAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, l := t.Context(), flow.NewLimiter(flow.Fixed(8))
		serve := func(d, pause time.Duration) (n int) {
			for end := time.Now().Add(d); time.Now().Before(end) && l.Acquire(ctx) == nil; n++ {
				time.Sleep(time.Millisecond)
				l.Done(flow.Outcome{Kind: flow.Done, Work: 1})
				time.Sleep(pause)
			}
			return n
		}
		refuse := func() {
			if l.Acquire(ctx) == nil {
				l.Done(flow.Outcome{Kind: flow.Overload, RetryAfter: time.Second})
			}
		}
		serve(5*time.Second, 0)
		serve(3*time.Second, 300*time.Millisecond)
		refuse()
		serve(3*time.Second, 300*time.Millisecond)
		refuse()
		for k := range 6 {
			got := serve(10*time.Second, 0)
			t.Logf("%d served in 10 s", got)
			if k > 3 && got < 5000 {
				t.Errorf("%d served in the %dth 10 s, want at least half of 10,000", got, k+1)
			}
			refuse()
		}
	})
}

// A refusal before anything was served says nothing about a rate.
func TestLimiterIsNotPacedByAFirstRefusal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := flow.NewLimiter(flow.Fixed(8))
		l.TryAcquire()
		l.Done(flow.Outcome{Kind: flow.Overload, RetryAfter: time.Second})
		time.Sleep(time.Second)
		l.TryAcquire()
		l.Done(flow.Outcome{Kind: flow.Done})
		for i := range 8 {
			if !l.TryAcquire() {
				t.Fatalf("call %d did not start after one was served", i)
			}
		}
	})
}

func TestLimiterSaysThatItPaces(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := flow.NewLimiter(flow.Fixed(1))
		quota(t.Context(), l, 50, 10*time.Second)
		reasons := map[string]bool{}
		for range 200 {
			if l.TryAcquire() {
				l.Done(flow.Outcome{})
			}
			reasons[l.Snapshot().Reason] = true
			time.Sleep(10 * time.Millisecond)
		}
		if !reasons["paced after retry-after"] {
			t.Errorf("reasons %v", reasons)
		}
	})
}
