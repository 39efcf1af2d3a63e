package bench

import (
	"math"
	"slices"
)

// Interval is the median of some measurements, and between what it lies.
type Interval struct {
	Median float64 `json:"median"`
	Low    float64 `json:"low"`
	High   float64 `json:"high"`
}

// confidence is how often the interval of a median must have it.
const confidence = 0.95

// leastRounds is from how many measurements on an interval has the confidence.
const leastRounds = 6

// medianOf returns the median of vs and the narrowest two of them, counted from both
// ends, between which the median of what they were drawn from lies with the confidence.
// It supposes nothing of how they are distributed: the distribution-free interval of the
// order statistics, as in David and Nagaraja, Order Statistics, 7.1. With fewer than
// leastRounds it is the least and the most, which [coverage] knows to be less. Without
// any it is zero.
func medianOf(vs []float64) Interval {
	n := len(vs)
	if n == 0 {
		return Interval{}
	}
	s := slices.Sorted(slices.Values(vs))
	k := rankOf(n)
	return Interval{Median: (s[(n-1)/2] + s[n/2]) / 2, Low: s[k-1], High: s[n-k]}
}

// rankOf returns the rank from both ends of the bounds of the interval, 1 at least.
func rankOf(n int) int {
	k := 1
	for k < n/2 && enclosed(n, k+1) >= confidence {
		k++
	}
	return k
}

// coverage returns how often the interval of n measurements has the median, from 0 to 1.
func coverage(n int) float64 {
	if n < 2 {
		return 0
	}
	return enclosed(n, rankOf(n))
}

// enclosed returns the probability that the median lies between the kth least and the
// kth most of n: that neither fewer than k are below it nor fewer than k above.
func enclosed(n, k int) float64 {
	p, below := math.Pow(0.5, float64(n)), 0.0
	for i := range k {
		below += p
		p *= float64(n-i) / float64(i+1)
	}
	return 1 - 2*below
}
