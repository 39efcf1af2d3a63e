package bench

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestTheIntervalOfAMedianIsThatOfTheOrderStatistics(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		vs       []float64
		want     Interval
		coverage float64
	}{
		"none":                            {nil, Interval{}, 0},
		"one":                             {[]float64{7}, Interval{7, 7, 7}, 0},
		"two":                             {[]float64{9, 1}, Interval{5, 1, 9}, 0.5},
		"five are the least and the most": {[]float64{5, 1, 4, 2, 3}, Interval{3, 1, 5}, 0.9375},
		"six have the confidence":         {[]float64{6, 5, 1, 4, 2, 3}, Interval{3.5, 1, 6}, 0.96875},
		"eight may leave none out":        {[]float64{8, 7, 6, 5, 1, 4, 2, 3}, Interval{4.5, 1, 8}, 0.9921875},
		"nine leave one out at each end":  {[]float64{900, 8, 7, 6, 5, 1, 4, 2, 3}, Interval{5, 2, 8}, 0.9609375},
		"twelve leave two out":            {[]float64{12, 11, 10, 9, 8, 7, 6, 5, 1, 4, 2, 3}, Interval{6.5, 3, 10}, 0.961426},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := medianOf(tt.vs); got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
			if got := coverage(len(tt.vs)); math.Abs(got-tt.coverage) > 1e-6 {
				t.Errorf("got coverage %v, want %v", got, tt.coverage)
			}
		})
	}
}

// What it is of does not matter: here it is skewed, as times are.
func TestTheIntervalHasTheMedianAsOftenAsItSays(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	const draws = 4000
	for _, n := range []int{2, 5, 6, 9, 12, 40, 99} {
		has := 0
		for range draws {
			vs := make([]float64, n)
			for i := range vs {
				vs[i] = rng.ExpFloat64()
			}
			if in := medianOf(vs); in.Low <= math.Ln2 && math.Ln2 <= in.High {
				has++
			}
		}
		// Three standard errors of a share of so many draws.
		want, got := coverage(n), float64(has)/draws
		if miss := 3 * math.Sqrt(want*(1-want)/draws); math.Abs(got-want) > miss {
			t.Errorf("of %d: the interval has the median in %.3f of cases, want %.3f +- %.3f", n, got, want, miss)
		}
		if n >= leastRounds && want < confidence {
			t.Errorf("of %d: the interval has %.3f, want %.2f at least", n, want, confidence)
		}
	}
}
