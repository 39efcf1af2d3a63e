package main

import (
	"fmt"
	"math"
	"slices"
)

// interval is a median with its 95 % interval, from the order of the values alone:
// the ranks n/2 -+ 0.98 sqrt(n), as the count of values below the median is
// binomial (David and Nagaraja, Order Statistics, 7.1). Of fewer than six values it
// is all they span, which is less than 95 % sure.
type interval struct {
	median, low, high float64
	n                 int
}

func medianOf(values []float64) interval {
	n := len(values)
	if n == 0 {
		return interval{math.NaN(), math.NaN(), math.NaN(), 0}
	}
	v := slices.Clone(values)
	slices.Sort(v)
	k := max(int(float64(n)/2-0.98*math.Sqrt(float64(n))), 0)
	mid := (v[(n-1)/2] + v[n/2]) / 2
	return interval{mid, v[k], v[n-1-k], n}
}

// within reports whether the whole interval lies within band of one.
func (i interval) within(band float64) bool { return i.low >= 1-band && i.high <= 1+band }

func (i interval) String() string {
	return fmt.Sprintf("%s (%s to %s)", number(i.median), number(i.low), number(i.high))
}

// number has as many digits as say something.
func number(v float64) string {
	switch a := math.Abs(v); {
	case math.IsNaN(v):
		return "-"
	case a >= 100:
		return fmt.Sprintf("%.0f", v)
	case a >= 10:
		return fmt.Sprintf("%.1f", v)
	case a >= 1 || a == 0:
		return fmt.Sprintf("%.2f", v)
	}
	return fmt.Sprintf("%.3f", v)
}
