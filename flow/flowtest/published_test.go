package flowtest

import (
	"math"
	"testing"
	"time"

	"github.com/weir-kafka/weir/flow"
)

// feed shows n calls to r, each latency seconds long, one every gap seconds
// from at on.
func feed(r rule, at float64, n int, gap float64, s sample) float64 {
	for range n {
		at += gap
		s.at = at
		r.see(s)
	}
	return at
}

func wantLimit(t *testing.T, what string, r rule, want float64) {
	t.Helper()
	if got := r.limit(); math.Abs(got-want) > 1e-9 {
		t.Errorf("%s: got limit %v, want %v", what, got, want)
	}
}

func TestNetflixAIMDStep(t *testing.T) {
	t.Parallel()
	a := newNetflixAIMD()
	a.see(sample{rtt: 0.1, inFlight: 20})
	wantLimit(t, "a call that succeeded", a, 21)
	a.see(sample{rtt: 0.1, inFlight: 10})
	wantLimit(t, "less than half used", a, 21)
	a.see(sample{rtt: 0.1, inFlight: 21, dropped: true})
	wantLimit(t, "a drop", a, 18)
	a.see(sample{rtt: 5.1, inFlight: 18})
	wantLimit(t, "too slow", a, 16)
}

func TestVegasStep(t *testing.T) {
	t.Parallel()
	v := newVegas(1)
	v.see(sample{rtt: 0.1, inFlight: 20})
	wantLimit(t, "first latency", v, 20)
	v.see(sample{rtt: 0.1, inFlight: 20})
	wantLimit(t, "no queue", v, 26)
	v.see(sample{rtt: 0.108, inFlight: 26}) // queue 2, below 3
	wantLimit(t, "small queue", v, 27)
	v.see(sample{rtt: 0.12, inFlight: 27}) // queue 5
	wantLimit(t, "enough queue", v, 27)
	v.see(sample{rtt: 0.2, inFlight: 27})
	wantLimit(t, "long queue", v, 26)
	v.see(sample{rtt: 0.101, inFlight: 27, dropped: true})
	wantLimit(t, "a drop", v, 25)
}

func TestGradientStep(t *testing.T) {
	t.Parallel()
	g := newGradient(1)
	g.see(sample{rtt: 0.1, inFlight: 50})
	wantLimit(t, "no queue", g, 57)
	g.see(sample{rtt: 0.4, inFlight: 57}) // slope 0.5, queue 7
	wantLimit(t, "queueing", g, 0.8*57+0.2*(28.5+7))
	before := g.limit()
	g.see(sample{rtt: 0.1, inFlight: 57, dropped: true})
	wantLimit(t, "a drop", g, 0.8*before+0.2*0.9*before)
}

func TestGradient2Step(t *testing.T) {
	t.Parallel()
	g := newGradient2()
	g.see(sample{rtt: 0.1, inFlight: 20})
	wantLimit(t, "steady", g, 20.8)
	g.see(sample{rtt: 0.9, inFlight: 20, dropped: true}) // long 0.5, slope 0.75/0.9
	wantLimit(t, "slower", g, 0.8*20.8+0.2*(20.8*0.75/0.9+4))
}

func TestWindowIsASecondOfTenSamples(t *testing.T) {
	t.Parallel()
	g := newGradient2()
	w := windowed(g)
	at := feed(w, 0, 9, 0.05, sample{rtt: 0.1, inFlight: 20})
	wantLimit(t, "the first window is short", w, 20)
	at = feed(w, at, 11, 0.1, sample{rtt: 0.1, inFlight: 20})
	wantLimit(t, "a second", w, 20.8)
	feed(w, at, 5, 0.3, sample{rtt: 0.1, inFlight: 20})
	wantLimit(t, "too few", w, 20.8)
}

func TestARCStep(t *testing.T) {
	t.Parallel()
	a := newARC()
	at := feed(a, 0, 1, 0.1, sample{rtt: 0.1, inFlight: 1})
	wantLimit(t, "first latency", a, 1)
	at = feed(a, at, 1, 0.1, sample{rtt: 0.1, inFlight: 1})
	wantLimit(t, "not slower", a, 2)
	for a.current < 20 {
		at = feed(a, at, 1, 0.1, sample{rtt: 0.1, inFlight: 20})
	}
	at = feed(a, at, 1, 0.1, sample{rtt: 0.2, inFlight: 20})
	wantLimit(t, "slower", a, 18)
	feed(a, at, 1, 0.3, sample{rtt: 0.01, inFlight: 18, dropped: true})
	wantLimit(t, "refused", a, 16)
}

func TestEnvoyStep(t *testing.T) {
	t.Parallel()
	e := newEnvoy(1)
	at := feed(e, 0.1, 50, 0.01, sample{rtt: 0.01})
	wantLimit(t, "the measurement ends", e, 3)
	at = feed(e, at, 1, 0.15, sample{rtt: 0.0125})
	wantLimit(t, "as quick as the base", e, 4) // 3+sqrt 3
	at = feed(e, at, 1, 0.15, sample{rtt: 0.00625})
	wantLimit(t, "twice as quick", e, 10) // 8+sqrt 8
	feed(e, at, 1, 70, sample{rtt: 0.01})
	wantLimit(t, "measured again", e, 3)
}

func TestBRPCStep(t *testing.T) {
	t.Parallel()
	b := newBRPC(1)
	at := feed(b, 1, 101, 0.01, sample{rtt: 0.2})
	if got := b.limit(); got < 28 || got > 30 { // 100/s * 0.2 s * 1.4
		t.Errorf("got limit %v, want 1.4 times 20", got)
	}
	b.resetAt = at
	before := b.limit()
	feed(b, at, 100, 0.01, sample{rtt: 0.2})
	wantLimit(t, "latency is measured anew", b, math.Floor(before/2))
}

func TestBBRStep(t *testing.T) {
	t.Parallel()
	b := newBBR()
	at := feed(b, 10.001, 20, 0.01, sample{rtt: 0.2}) // 10 calls a bucket
	wantLimit(t, "100 calls a second of 200 ms", b, 21)
	at = feed(b, at, 100, 0.01, sample{rtt: 1})
	wantLimit(t, "the best of ten seconds", b, 21)
	feed(b, at, 1200, 0.01, sample{rtt: 1})
	wantLimit(t, "ten seconds later", b, 101)
}

func TestHillClimbsWhereThroughputFollows(t *testing.T) {
	t.Parallel()
	climb := func(knee float64) float64 {
		h, at := newHill(1), 0.0
		for at < 60 {
			at += 0.05 / min(h.limit(), knee)
			h.see(sample{at: at, rtt: 0.05})
		}
		return h.control
	}
	if got := climb(1000); got < 40 {
		t.Errorf("throughput follows: got %v, want far above 40", got)
	}
	if got := climb(10); got < 4 || got > 20 {
		t.Errorf("throughput stops at 10: got %v, want near 10", got)
	}
}

func TestPublishedLimitersStayInBoundsAndIgnoreCancelledCalls(t *testing.T) {
	t.Parallel()
	for name, m := range Algorithms() {
		now := epoch
		s := m(func() time.Time { return now }, 1)
		before := s.Limit()
		if !s.TryAcquire() {
			t.Fatalf("%s: no first call", name)
		}
		s.Done(flow.Outcome{Kind: flow.Ignore}, time.Hour)
		if got := s.Limit(); got != before {
			t.Errorf("%s: got limit %d after a cancelled call, want %d", name, got, before)
		}
		for i := range 5000 {
			now = now.Add(10 * time.Millisecond)
			for s.TryAcquire() {
			}
			kind := flow.Done
			if i%3 == 0 {
				kind = flow.Overload
			}
			s.Done(flow.Outcome{Kind: kind}, time.Duration(1+i%7)*time.Millisecond)
			if n := s.Limit(); n < 1 || n > 512 {
				t.Fatalf("%s: got limit %d", name, n)
			}
		}
	}
}
