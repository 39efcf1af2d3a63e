package flow

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

func FuzzHistogramBucketHoldsItsDurations(f *testing.F) {
	for _, d := range []int64{-1, 0, 999, 7999, 8000, 15999, 16000, 1e9, 1 << 62} {
		f.Add(d)
	}
	f.Fuzz(func(t *testing.T, ns int64) {
		d := min(max(time.Duration(ns), 0), 24*time.Hour)
		i := bucketOf(time.Duration(ns))
		end := bucketEnd(i)
		if d >= end || i > 0 && d < bucketEnd(i-1) {
			t.Fatalf("%s is in the bucket that ends at %s", d, end)
		}
		if d >= 8*time.Microsecond && float64(end) > float64(d)*1.1251 {
			t.Fatalf("%s is in a bucket that ends at %s, more than an eighth beyond", d, end)
		}
	})
}

func TestHistogramQuantileIsAtMostAnEighthTooHigh(t *testing.T) {
	t.Parallel()
	for seed := range uint64(20) {
		rng := rand.New(rand.NewPCG(seed, 9))
		var even, odd histogram
		var all []time.Duration
		for i := range 1000 {
			d := time.Duration(rng.ExpFloat64() * float64(50*time.Millisecond))
			all = append(all, d)
			if i%2 == 0 {
				even.add(d)
			} else {
				odd.add(d)
			}
		}
		slices.Sort(all)
		h := even.with(&odd)
		for _, q := range []float64{0.01, 0.5, 0.9, 0.99, 1} {
			got, want := h.quantile(q), all[int(q*1000)-1]
			if got < want || float64(got) > 1.126*float64(want)+1000 {
				t.Errorf("quantile %v: %s, want %s or an eighth more", q, got, want)
			}
		}
	}
}
