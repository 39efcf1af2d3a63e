package flow_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/weir-kafka/weir/flow"
)

func TestRateAllowsItsBurstAndThenItsRate(t *testing.T) {
	t.Parallel()
	at := func(ms int) time.Time { return time.Unix(100, 0).Add(time.Duration(ms) * time.Millisecond) }
	r := flow.Rate{PerSecond: 10, Burst: 5}
	for _, c := range []struct {
		ms, n int
		want  bool
	}{
		{0, 5, true}, {0, 1, false}, {99, 1, false}, {100, 1, true}, {100, 1, false},
		{50, 1, false},  // an older reading of the clock brings nothing,
		{150, 1, false}, // neither then
		{200, 1, true},  // nor later
		{10000, 6, false}, {10000, 5, true},
	} {
		if got := r.Allow(at(c.ms), c.n); got != c.want {
			t.Errorf("%d units at %d ms: %v, want %v", c.n, c.ms, got, c.want)
		}
	}
}

func TestRateTellsUntilWhenToWait(t *testing.T) {
	t.Parallel()
	now := time.Unix(100, 0)
	r := flow.Rate{PerSecond: 1000}
	if got := r.Reserve(now, 1000).Sub(now); got != 0 {
		t.Errorf("the first second's worth waits %s", got)
	}
	if got := r.Reserve(now, 2500).Sub(now); got != 2500*time.Millisecond {
		t.Errorf("more than the burst waits %s, want 2.5s", got)
	}
	if got := r.Reserve(now.Add(time.Second), 500).Sub(now); got != 3*time.Second {
		t.Errorf("the next one waits until %s, want 3s", got)
	}
	if r.Allow(now.Add(3*time.Second), 1) {
		t.Error("allowed what was reserved by others")
	}
}

func TestRateOfZeroIsNoLimit(t *testing.T) {
	t.Parallel()
	var r flow.Rate
	now := time.Unix(100, 0)
	if !r.Allow(now, 1<<30) || !r.Reserve(now, 1<<30).Equal(now) {
		t.Error("the zero value limits")
	}
	r.SetPerSecond(now, 2)
	n := 0
	for r.Allow(now, 1) {
		n++
	}
	if n > 2 {
		t.Errorf("%d units at the moment the limit was set, want at most a second's worth", n)
	}
	r.SetPerSecond(now, 0)
	if !r.Allow(now, 1000) {
		t.Error("still limits")
	}
}

// In any span of any history, never more than the rate's integral and one burst.
func TestRateAndPacerKeepTheirRateOverRandomTraces(t *testing.T) {
	t.Parallel()
	type start struct{ at, earned float64 }
	for seed := range uint64(100) {
		rng := rand.New(rand.NewPCG(seed, 5))
		t0 := time.Unix(100, 0)
		r, p := flow.Rate{PerSecond: 10, Burst: 3}, new(flow.Pacer)
		perSecond, earned := 10.0, 0.0
		p.SetRate(t0, perSecond)
		r.Reserve(t0, 0) // its time begins here
		var starts []start
		allowed := 0.0
		for ms := 1; ms < 20000; ms++ {
			now := t0.Add(time.Duration(ms) * time.Millisecond)
			earned += perSecond / 1000
			if rng.IntN(500) == 0 {
				perSecond = 1 + 40*rng.Float64()
				p.SetRate(now, perSecond)
			}
			if rng.IntN(1000) < 300 && !p.Next(now).After(now) {
				p.Reserve(now, 1)
				starts = append(starts, start{now.Sub(t0).Seconds(), earned})
			}
			jitter := time.Duration(rng.IntN(50)) * time.Millisecond // readings of the clock that cross
			if r.Allow(now.Add(-jitter), 1) {
				allowed++
			}
			if most := 10*float64(ms)/1000 + 3; allowed > most {
				t.Fatalf("seed %d: %v units in %d ms, want at most %v", seed, allowed, ms, most)
			}
		}
		for i := 1; i < len(starts); i++ {
			for j := max(0, i-40); j < i; j++ {
				if got, want := float64(i-j), starts[i].earned-starts[j].earned; got > want+0.1 {
					t.Fatalf("seed %d: %v units between %.3f and %.3f s, the rate allows %.2f", seed, got, starts[j].at, starts[i].at, want)
				}
			}
		}
		if len(starts) < 50 {
			t.Fatalf("only %d starts", len(starts))
		}
	}
}

func TestPacerSavesNothingUp(t *testing.T) {
	t.Parallel()
	t0 := time.Unix(100, 0)
	var p flow.Pacer
	if !p.Reserve(t0, 1000).Equal(t0) {
		t.Error("the zero value limits")
	}
	var got []time.Duration
	reserve := func(at time.Duration, n int) { got = append(got, p.Reserve(t0.Add(at), n).Sub(t0)) }
	p.SetRate(t0, 10)
	reserve(0, 1)           // the call that brought the limit about came before
	reserve(0, 2)           //
	reserve(0, 1)           // after two
	reserve(time.Second, 1) // rested: at once,
	reserve(time.Second, 1) // and then spaced
	p.SetRate(t0.Add(time.Second), 1)
	reserve(time.Second, 1) // owed two units, now at one a second
	p.SetRate(t0.Add(time.Second), 100)
	reserve(time.Second, 1) // owed three
	ms := time.Millisecond
	want := []time.Duration{100 * ms, 200 * ms, 400 * ms, 1000 * ms, 1100 * ms, 3000 * ms, 1030 * ms}
	if !slices.Equal(got, want) {
		t.Errorf("starts at %v, want %v", got, want)
	}
}
