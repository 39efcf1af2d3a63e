package main

import (
	"math/rand/v2"
	"testing"
	"time"
)

// series is ten minutes of a figure, once a second, which rises by growth in the
// second half, with bursts on it and with gaps.
func series(growth float64) (ps []point) {
	rng := rand.New(rand.NewPCG(1, 2))
	for s := range 600 {
		if rng.IntN(10) == 0 {
			continue
		}
		v := 100 + growth*float64(s-300)/300
		if rng.IntN(3) == 0 {
			v += 50 * rng.Float64()
		}
		ps = append(ps, point{time.Duration(s) * time.Second, v})
	}
	return ps
}

func TestALeakIsTold(t *testing.T) {
	t.Parallel()
	g := gauge{name: "goroutines", unit: 1, form: "%+.0f", least: 2}
	for growth, want := range map[float64]bool{0: false, 1: false, -20: false, 3: true, 300: true} {
		f := g.fit(series(growth))
		if f.grows() != want || (f.perHour != 0) != want {
			t.Errorf("growth %v: %s, %v an hour, want it told: %v", growth, f, f.perHour, want)
		}
	}
}

func TestALeakInTheFirstHalfOnlyIsWarmingUp(t *testing.T) {
	t.Parallel()
	ps := series(0)
	for i := range ps {
		if ps[i].at < 5*time.Minute {
			ps[i].value = ps[i].at.Seconds() / 3
		}
	}
	if f := (gauge{form: "%v", unit: 1, least: 2}).fit(ps); f.grows() {
		t.Errorf("got %s, want 0", f)
	}
}

func TestNothingMeasuredIsNoZero(t *testing.T) {
	t.Parallel()
	for _, ps := range [][]point{nil, series(0)[:1], series(0)[590-100:]} {
		if f := (gauge{form: "%v", unit: 1, least: 2}).fit(ps); len(ps) < 100 && !f.grows() {
			t.Errorf("%d points: got %s, want unknown", len(ps), f)
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
