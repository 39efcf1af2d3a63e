package main

import (
	"math/rand/v2"
	"testing"
	"time"
)

// series is ten minutes of a figure, once a second, which rises by growth in the
// second half, with bursts on it and with gaps.
func series(growth float64) (us []use) {
	rng := rand.New(rand.NewPCG(1, 2))
	for s := range 600 {
		if rng.IntN(10) == 0 {
			continue
		}
		v := 100 + growth*float64(s-300)/300
		if rng.IntN(3) == 0 {
			v += 50 * rng.Float64()
		}
		us = append(us, use{at: time.Duration(s) * time.Second, heap: v})
	}
	return us
}

// heap is a gauge of a unit of 1 and a bound of 2.
func heap() gauge {
	return gauge{name: "heap", unit: 1, form: "%+.0f", least: 2, of: func(u use) float64 { return u.heap }}
}

func TestALeakIsTold(t *testing.T) {
	t.Parallel()
	g := heap()
	for growth, want := range map[float64]bool{0: false, 1: false, -20: false, 3: true, 300: true} {
		f := g.fit(series(growth))
		if f.grows() != want || (f.perHour != 0) != want {
			t.Errorf("growth %v: %s, %v an hour, want it told: %v", growth, f, f.perHour, want)
		}
	}
}

// What is held is in the heap, and a run may end behind.
func TestWhatIsHeldIsNoGrowthAndHidesNone(t *testing.T) {
	t.Parallel()
	for growth, want := range map[float64]bool{0: false, 5: true} {
		us := series(growth)
		for i := range us {
			if s := int(us[i].at.Seconds()); s > 400 && s/10%4 > 0 {
				us[i].held = 8 << 20
				us[i].heap += 1000
			}
		}
		if f := heap().fit(us); f.grows() != want {
			t.Errorf("growth %v: %s, want it told: %v", growth, f, want)
		}
	}
}

func TestAHeapThatNobodyCollectedIsOld(t *testing.T) {
	t.Parallel()
	g := heap()
	g.collected = true
	us := series(0)
	if f := g.fit(us); !f.unknown() {
		t.Errorf("without a collection: got %s, want unknown", f)
	}
	for i := range us {
		us[i].collections = float64(emptied * i)
	}
	if f := g.fit(us); f.grows() {
		t.Errorf("got %s, want 0", f)
	}
}

func TestWhatGrewHasAName(t *testing.T) {
	t.Parallel()
	us := series(0)
	for i := range us {
		us[i].started = map[string]int{"a.run": 3, "b.leaks": i / 100, "net/http.(*conn).serve": i % 3}
	}
	if got, want := grown(us), "+2 b.leaks"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if u := us[len(us)-1]; u.count(others) != 8 || u.count(connections) != float64((len(us)-1)%3) {
		t.Errorf("got %v, and %v connections", u.count(others), u.count(connections))
	}
}

func TestALeakInTheFirstHalfOnlyIsWarmingUp(t *testing.T) {
	t.Parallel()
	us := series(0)
	for i := range us {
		if us[i].at < 5*time.Minute {
			us[i].heap = us[i].at.Seconds() / 3
		}
	}
	if f := heap().fit(us); f.grows() {
		t.Errorf("got %s, want 0", f)
	}
}

func TestNothingMeasuredIsNoZero(t *testing.T) {
	t.Parallel()
	for _, us := range [][]use{nil, series(0)[:1], series(0)[:20]} {
		if f := heap().fit(us); !f.grows() {
			t.Errorf("%d samples: got %s, want unknown", len(us), f)
		}
	}
}

// A figure that scatters by more than the bound may be off by more; but not by any
// much.
func TestTheBoundGrowsWithTheScatterAndHasAnEnd(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		period, growth float64
		want           bool
	}{
		{2, 3, false}, {2, 7, true}, {50, 7, true},
	} {
		var us []use
		for s := range 600 {
			at := time.Duration(s) * time.Second
			noise := c.period * float64((s/20)%3) // for twenty seconds each: the floors scatter
			us = append(us, use{at: at, heap: 100 + noise + c.growth*float64(s-300)/300})
		}
		if f := heap().fit(us); f.grows() != c.want {
			t.Errorf("%+v: got %s", c, f)
		}
	}
}

func TestAFewOutliersDoNotMoveALine(t *testing.T) {
	t.Parallel()
	var ps []point
	for s := range 30 {
		ps = append(ps, point{time.Duration(s) * time.Second, 5 + 2*float64(s)})
	}
	for _, i := range []int{0, 1, 2, 27, 28} {
		ps[i].value = 1e9
	}
	if slope, start := theilSen(ps); slope < 1.9 || slope > 2.5 || start < 0 || start > 10 {
		t.Errorf("got slope %v from %v, want 2 from 5", slope, start)
	}
}
