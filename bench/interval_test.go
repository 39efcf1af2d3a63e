package main

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestIntervalCoversTheMedian(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{9, 10, 25, 100} {
		covered := 0
		const times = 4000
		for range times {
			values := make([]float64, n)
			for i := range values {
				values[i] = rng.ExpFloat64()
			}
			if i := medianOf(values); i.low <= math.Ln2 && math.Ln2 <= i.high {
				covered++
			}
		}
		if share := float64(covered) / times; share < 0.94 {
			t.Errorf("of %d values the interval covers the median in %.3f of all cases, want 0.95", n, share)
		}
	}
}

func TestIntervalOfFewValuesIsAllTheySpan(t *testing.T) {
	if got, want := medianOf([]float64{3, 1, 2}), (interval{2, 1, 3, 3}); got != want {
		t.Errorf("got %v, want %v", got, want)
	}
	if got := medianOf(nil); !math.IsNaN(got.median) || got.within(1) {
		t.Errorf("of nothing the median is %v", got)
	}
}

func TestRatioIsOverBothPiecesOfA(t *testing.T) {
	r := rounds{{a: piece{perSecond: 90}, b: piece{perSecond: 50}, control: piece{perSecond: 110}}}
	if got := r.ratio(perSecond); got.median != 0.5 || math.Abs(got.control.median-110.0/90) > 1e-9 {
		t.Errorf("got %+v", got)
	}
	if got := r.added(perSecond).median; got != -50 {
		t.Errorf("added %v, want -50", got)
	}
}

// A machine that slows down through the rounds is no difference between A and A.
func TestControlIsBlindToDrift(t *testing.T) {
	var r rounds
	for i := range 20 {
		r = append(r, round{a: piece{perSecond: 100}, control: piece{perSecond: 102 + float64(i%2)/100}, b: piece{perSecond: 100}})
	}
	if c := r.ratio(perSecond).control; c.low > 1 || c.high < 1 {
		t.Errorf("the control is %v, want one within it", c)
	}
}

func TestVerdict(t *testing.T) {
	quiet, loud := interval{1, 0.99, 1.01, 20}, interval{1, 0.9, 1.1, 20}
	tests := map[string]struct {
		r    result
		want string
	}{
		"reaches":             {result{gate: "W1a", interval: interval{0.91, 0.9, 0.92, 20}, control: quiet}, "pass"},
		"misses":              {result{gate: "W1a", interval: interval{0.89, 0.88, 0.92, 20}, control: quiet}, "MISS"},
		"noise":               {result{gate: "W1a", interval: interval{0.5, 0.4, 0.6, 20}, control: loud}, "void"},
		"less is better":      {result{gate: "W1b", interval: interval{71, 60, 80, 20}, control: quiet}, "MISS"},
		"a count has no void": {result{gate: "W1e", interval: interval{0.06, 0.06, 0.06, 20}, control: loud}, "MISS"},
		"no bound":            {result{gate: "W1-peer", interval: interval{0.1, 0.1, 0.1, 20}}, "-"},
	}
	for name, tt := range tests {
		if got := tt.r.verdict(); got != tt.want {
			t.Errorf("%s: %s, want %s", name, got, tt.want)
		}
	}
}
