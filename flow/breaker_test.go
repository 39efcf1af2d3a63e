package flow_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weir-kafka/weir/flow"
)

// breakerTrip drives a breaker with a clock of its own.
type breakerTrip struct {
	t   *testing.T
	b   *flow.Breaker
	now time.Time
}

func newBreakerTrip(t *testing.T) *breakerTrip {
	almost := func() float64 { return 0.999 } // full jitter at its longest
	return &breakerTrip{t, &flow.Breaker{RandFunc: almost}, time.Unix(1000, 0)}
}

func (bt *breakerTrip) sleep(d time.Duration) { bt.now = bt.now.Add(d) }

// call makes n calls that end at once.
func (bt *breakerTrip) call(n int, v flow.Verdict) (let int) {
	for range n {
		if pass, err := bt.b.Allow(bt.now); err == nil {
			let++
			bt.b.Done(bt.now, pass, flow.Outcome{Kind: v})
		}
	}
	return let
}

func (bt *breakerTrip) want(state string) {
	bt.t.Helper()
	if got := bt.b.State(bt.now); got != state {
		bt.t.Fatalf("after %s the breaker is %s, want %s", bt.now.Sub(time.Unix(1000, 0)), got, state)
	}
}

func TestBreakerOpensAtHalfOfEnoughCalls(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name             string
		ok, bad, ignored int
		over             time.Duration // between the calls that were answered and those that failed
		want             string
	}{
		{"half of twenty", 10, 10, 0, 0, "open"},
		{"less than half", 11, 10, 0, 0, "closed"},
		{"too few calls", 0, 19, 0, 0, "closed"},
		{"cancelled calls are no calls", 0, 19, 50, 0, "closed"},
		{"answers still in the window", 30, 20, 0, 8 * time.Second, "closed"},
		{"answers out of the window", 30, 20, 0, 11 * time.Second, "open"},
	} {
		bt := newBreakerTrip(t)
		bt.call(c.ok, flow.Reject) // a refusal of the work itself is an answer
		bt.call(c.ignored, flow.Ignore)
		bt.sleep(c.over)
		bt.call(c.bad, flow.Overload)
		if got := bt.b.State(bt.now); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestBreakerBacksOffProbesAndClosesSlowly(t *testing.T) {
	t.Parallel()
	bt := newBreakerTrip(t)
	bt.call(20, flow.Retry)
	bt.want("open")
	_, err := bt.b.Allow(bt.now)
	if !errors.Is(err, flow.ErrRefused) || flow.Classify(err) != flow.Overload || flow.RetryAfter(err) != 499500*time.Microsecond {
		t.Fatalf("refused with %v, %s, after %s", err, flow.Classify(err), flow.RetryAfter(err))
	}
	bt.sleep(500 * time.Millisecond)
	bt.want("half-open")
	bt.call(2, flow.Done)
	bt.call(1, flow.Retry) // the third probe fails
	bt.want("open")
	bt.sleep(998 * time.Millisecond)
	bt.want("open") // twice as long now
	bt.sleep(2 * time.Millisecond)
	bt.call(3, flow.Done)
	bt.want("closing")
	if got := bt.call(100, flow.Done); got < 9 || got > 11 {
		t.Errorf("%d of 100 calls just after closing, want a tenth", got)
	}
	bt.sleep(5 * time.Second)
	if got := bt.call(100, flow.Done); got < 49 || got > 51 {
		t.Errorf("%d of 100 calls half through the ramp, want half", got)
	}
	bt.sleep(5 * time.Second)
	bt.want("closed")
	if got := bt.call(100, flow.Done); got != 100 {
		t.Errorf("%d of 100 calls, want all", got)
	}
}

func TestBreakerForgetsItsBackoffOnlyWhenFullyClosed(t *testing.T) {
	t.Parallel()
	bt := newBreakerTrip(t)
	open := func() time.Duration {
		t.Helper()
		for range 300 {
			bt.call(1, flow.Retry)
			if _, err := bt.b.Allow(bt.now); flow.RetryAfter(err) > 0 {
				return flow.RetryAfter(err).Round(10 * time.Millisecond)
			}
		}
		t.Fatal("it does not open")
		return 0
	}
	first := open()
	bt.sleep(first)
	bt.call(3, flow.Done)
	second := open() // while it is still closing
	bt.sleep(second)
	bt.call(3, flow.Done)
	bt.sleep(10 * time.Second)
	bt.want("closed")
	third := open()
	if first != 500*time.Millisecond || second != time.Second || third != 500*time.Millisecond {
		t.Errorf("open for %s, %s, %s, want 500ms, 1s, 500ms", first, second, third)
	}
}

func TestBreakerIsOpenNoLongerThanItsMostUnlessAsked(t *testing.T) {
	t.Parallel()
	bt := newBreakerTrip(t)
	bt.call(20, flow.Retry)
	for range 20 {
		_, err := bt.b.Allow(bt.now)
		bt.sleep(flow.RetryAfter(err))
		if bt.call(1, flow.Retry) != 1 {
			t.Fatal("no probe at the time it told")
		}
	}
	_, err := bt.b.Allow(bt.now)
	if got := flow.RetryAfter(err).Round(time.Second); got != 30*time.Second {
		t.Errorf("open for %s, want 30s", got)
	}
	bt.sleep(30 * time.Second)
	pass, _ := bt.b.Allow(bt.now)
	bt.b.Done(bt.now, pass, flow.Outcome{Kind: flow.Overload, RetryAfter: time.Minute})
	_, err = bt.b.Allow(bt.now)
	if got := flow.RetryAfter(err); got != time.Minute {
		t.Errorf("open for %s, want the minute that was asked for", got)
	}
}

func TestLostProbeGivesItsPlaceBack(t *testing.T) {
	t.Parallel()
	bt := newBreakerTrip(t)
	bt.call(20, flow.Retry)
	bt.sleep(time.Second)
	lost, err := bt.b.Allow(bt.now)
	if err != nil {
		t.Fatal(err)
	}
	if bt.call(5, flow.Done) != 0 {
		t.Fatal("a second call beside the probe")
	}
	bt.sleep(29 * time.Second)
	if bt.call(1, flow.Done) != 0 {
		t.Fatal("a second call beside the probe")
	}
	bt.sleep(1001 * time.Millisecond)
	bt.want("open") // it counts as failed
	bt.sleep(time.Second)
	if bt.call(2, flow.Done) != 2 {
		t.Fatal("the probe never came back and nothing is tried any more")
	}
	bt.b.Done(bt.now, lost, flow.Outcome{Kind: flow.Done})
	bt.want("half-open") // two answered; the lost one does not count as the third

	if bt.call(1, flow.Retry) != 1 {
		t.Fatal("no probe")
	}
	bt.sleep(time.Minute)
	_, _ = bt.b.Allow(bt.now)
	bt.sleep(10 * time.Minute) // nobody asks for long
	if bt.call(1, flow.Done) != 1 {
		t.Fatal("the time since the lost probe was given up does not count")
	}
}

func TestBreakerWorksAtAnyTime(t *testing.T) {
	t.Parallel()
	for _, now := range []time.Time{{}, time.Unix(-5, 1), time.Unix(0, 0)} {
		bt := newBreakerTrip(t)
		bt.now = now
		for range 20 {
			bt.call(1, flow.Retry)
			bt.sleep(100 * time.Millisecond)
		}
		bt.want("open")
	}
}

func TestProbeCountsOnce(t *testing.T) {
	t.Parallel()
	bt := newBreakerTrip(t)
	bt.call(20, flow.Retry)
	bt.sleep(time.Second)
	pass, _ := bt.b.Allow(bt.now)
	for range 3 {
		bt.b.Done(bt.now, pass, flow.Outcome{Kind: flow.Done})
	}
	bt.want("half-open")
	bt.call(1, flow.Ignore)
	if bt.call(1, flow.Done) != 1 {
		t.Error("a cancelled probe kept its place")
	}
}

// Whatever happens: one probe at a time, and when the breaker says when to ask
// again and nothing is under way, it lets a call through then.
func playBreaker(t *testing.T, moves []byte) {
	t.Helper()
	now := time.Unix(1000, 0)
	rng := rand.New(rand.NewPCG(7, 7))
	b := flow.Breaker{RandFunc: rng.Float64, MinCalls: 4, ProbeTimeout: 5 * time.Second}
	type call struct {
		pass  uint64
		began time.Time
		probe bool
	}
	var calls []call
	for _, m := range moves {
		switch arg := int(m >> 2); m & 3 {
		case 0:
			now = now.Add(time.Duration(arg*arg) * time.Millisecond)
		case 1:
			state := b.State(now)
			pass, err := b.Allow(now)
			if err != nil {
				if state == "open" && flow.RetryAfter(err) <= 0 {
					t.Fatal("open and no word until when")
				}
				continue
			}
			if state == "open" {
				t.Fatal("a call through an open breaker")
			}
			for _, c := range calls {
				if state == "half-open" && c.probe && now.Sub(c.began) < 5*time.Second {
					t.Fatal("two probes at a time")
				}
			}
			calls = append(calls, call{pass, now, state == "half-open"})
		default:
			if len(calls) > 0 {
				i := arg % len(calls)
				b.Done(now, calls[i].pass, flow.Outcome{Kind: flow.Verdict(arg % 5)})
				calls = append(calls[:i], calls[i+1:]...)
			}
		}
	}
	for range 50 { // all calls are lost now; with answers it closes
		now = now.Add(40 * time.Second)
		if pass, err := b.Allow(now); err == nil {
			b.Done(now, pass, flow.Outcome{Kind: flow.Done})
		}
	}
	if got := b.State(now); got != "closed" {
		t.Fatalf("%s half an hour after the last failure", got)
	}
}

func TestBreakerOverRandomTraces(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 8))
		moves := make([]byte, 300)
		for i := range moves {
			moves[i] = byte(rng.Uint32())
		}
		playBreaker(t, moves)
	}
}

func FuzzBreaker(f *testing.F) {
	f.Add([]byte{1, 1, 1, 1, 7, 7, 7, 7, 255, 252, 1, 2})
	f.Fuzz(func(t *testing.T, moves []byte) { playBreaker(t, moves) })
}

func TestBreakerDoClassifiesAndSurvivesAPanic(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := flow.Breaker{MinCalls: 2, OpenMin: time.Hour, OpenMax: time.Hour}
		down := errors.New("down")
		for range 2 {
			if err := b.Do(t.Context(), func(context.Context) error { return down }); !errors.Is(err, down) {
				t.Fatal(err)
			}
		}
		called := false
		op := func(context.Context) error { called = true; panic("boom") }
		if err := b.Do(t.Context(), op); !errors.Is(err, flow.ErrRefused) || called {
			t.Fatalf("%v, called %v: want it refused", err, called)
		}
		time.Sleep(time.Hour)
		func() {
			defer func() { _ = recover() }()
			_ = b.Do(t.Context(), op)
		}()
		if err := b.Do(t.Context(), func(context.Context) error { return nil }); err != nil {
			t.Fatalf("the probe that panicked kept its place: %v", err)
		}
	})
}
