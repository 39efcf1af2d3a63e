package main

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// point is a figure at a time.
type point struct {
	at    time.Duration
	value float64
}

// theilSen fits a line: its slope is the median of the slopes between all pairs of
// points (Theil 1950, Sen 1968), which no minority of outliers moves far. It
// returns the growth a second and the value at the first point.
func theilSen(ps []point) (slope, start float64) {
	var slopes []float64
	for i, a := range ps {
		for _, b := range ps[i+1:] {
			if b.at > a.at {
				slopes = append(slopes, (b.value-a.value)/(b.at-a.at).Seconds())
			}
		}
	}
	if len(slopes) == 0 {
		return 0, 0
	}
	slope = median(slopes)
	var starts []float64
	for _, p := range ps {
		starts = append(starts, p.value-slope*(p.at-ps[0].at).Seconds())
	}
	return slope, median(starts)
}

// median sorts its argument.
func median(vs []float64) float64 {
	slices.Sort(vs)
	n := len(vs)
	return (vs[(n-1)/2] + vs[n/2]) / 2
}

// spans is into how many spans the second half is cut.
const spans = 15

// floors are the lowest points of each span between from and to. What is in use for
// a call or a hang is gone at some moment of a span of seconds; what leaks is not,
// so that it lifts the floor as it lifts the rest, without the noise.
func floors(ps []point, from, to time.Duration) (low []point) {
	span := (to-from)/spans + 1
	end := from
	for _, p := range ps {
		switch {
		case p.at < from:
		case len(low) == 0 || p.at >= end:
			end = from + (p.at-from)/span*span + span
			low = append(low, p)
		case p.value < low[len(low)-1].value:
			low[len(low)-1] = p
		}
	}
	return low
}

// fit is what came of a gauge.
type fit struct {
	gauge
	points        int
	over          time.Duration // from the first to the last
	start, growth float64       // over the half
	noise         float64       // of growth, as a standard error
	bound         float64
	perHour       float64 // 0 within the bound
}

// Where the floors scatter so much that the fit may be off by more than its bound,
// three standard errors are the bound; but a fit that may be off by three times as
// much says nothing.
const (
	errorsInBound = 3
	noisiest      = 3
)

func (g gauge) fit(us []use) fit {
	f := fit{gauge: g}
	if len(us) == 0 {
		return f
	}
	to := us[len(us)-1].at
	low := floors(g.points(us), to/2, to)
	if f.points = len(low); f.points < 2 {
		return f
	}
	f.over = low[len(low)-1].at - low[0].at
	slope, start := theilSen(low)
	f.start, f.growth = start, slope*(to/2).Seconds()
	f.noise = scatter(low, slope, start) * math.Sqrt(12/float64(len(low)))
	stated := max(g.least, g.share*start)
	f.bound = min(max(stated, errorsInBound*f.noise), noisiest*stated)
	if f.grows() {
		f.perHour = slope * 3600
	}
	return f
}

// scatter estimates the standard deviation about a line by the median of the
// absolute residuals, which is 1/1.4826 of it when they are normal.
func scatter(ps []point, slope, start float64) float64 {
	var off []float64
	for _, p := range ps {
		off = append(off, math.Abs(p.value-start-slope*(p.at-ps[0].at).Seconds()))
	}
	return 1.4826 * median(off)
}

// Of fewer points than these, or of points over a shorter time, nothing is said.
const (
	fewest   = 5
	shortest = 20 * time.Second
)

func (f fit) unknown() bool { return f.points < fewest || f.over < shortest }

// grows reports whether it is no 0. What is not known is no 0 either.
func (f fit) grows() bool { return f.unknown() || f.growth >= f.bound }

func (f fit) String() string {
	what := "0"
	switch {
	case f.unknown():
		what = fmt.Sprintf("unknown: only %d points that can be compared, over %s", f.points, f.over)
	case f.grows():
		what = "GROWS"
	}
	return fmt.Sprintf("%-14s from %s by %s in the second half, its error %s, less than %s is called 0, %d points: %s",
		f.name, f.plain(f.start), f.number(f.growth), f.plain(f.noise), f.plain(f.bound), f.points, what)
}

// hourly is the growth an hour, 0 within the bound.
func (f fit) hourly() string {
	if f.unknown() {
		return "unknown"
	}
	return f.number(f.perHour)
}

func (f fit) number(v float64) string { return fmt.Sprintf(f.form, v/f.unit) }

// plain is a figure that is no growth.
func (f fit) plain(v float64) string { return strings.TrimPrefix(f.number(v), "+") }
