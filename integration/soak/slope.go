package main

import (
	"fmt"
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
const spans = 30

// floors are the lowest points of each span of the second half. What is in use for
// a call or a hang is gone at some moment of a span of seconds; what leaks is not,
// so that it lifts the floor as it lifts the rest, without the noise.
func floors(ps []point) (low []point) {
	if len(ps) == 0 {
		return nil
	}
	from := ps[len(ps)-1].at / 2
	span := (ps[len(ps)-1].at-from)/spans + 1
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

// gauge is a figure of a process that is to stay where it is.
type gauge struct {
	name string
	unit float64 // of a printed 1
	form string
	// A growth over the half of less than this, or of less than this share of what
	// was there, is called 0.
	least, share float64
}

// gauges are those that are fitted. Their bounds are those of a floor that stands
// still: the live heap is measured at the end of a collection, whose moment differs
// by what is held; connections of the client and of the sink come and go by one or
// two.
func gauges() []gauge {
	const mib = 1 << 20
	return []gauge{
		{"heap", mib, "%+.1f MiB", 2 * mib, 0.05},
		{"goroutines", 1, "%+.0f", 2, 0},
		{"descriptors", 1, "%+.0f", 2, 0},
		{"resident", mib, "%+.1f MiB", 8 * mib, 0.1},
	}
}

// fit is what came of a gauge.
type fit struct {
	gauge
	points        int
	start, growth float64 // over the half
	bound         float64
	perHour       float64 // 0 within the bound
}

func (g gauge) fit(ps []point) fit {
	low := floors(ps)
	f := fit{gauge: g, points: len(low)}
	if len(low) < 2 {
		return f
	}
	slope, start := theilSen(low)
	f.start, f.growth = start, slope*(low[len(low)-1].at-low[0].at).Seconds()
	f.bound = max(g.least, g.share*start)
	if f.grows() {
		f.perHour = slope * 3600
	}
	return f
}

// grows reports whether it is no 0. Of less than half of the spans nothing is said,
// which is no 0 either.
func (f fit) grows() bool { return f.points < spans/2 || f.growth >= f.bound }

func (f fit) String() string {
	what := "0"
	switch {
	case f.points < spans/2:
		what = fmt.Sprintf("unknown: only %d points", f.points)
	case f.grows():
		what = "GROWS"
	}
	return fmt.Sprintf("%-12s from "+f.plain(f.start)+" by "+f.number(f.growth)+" in the second half, less than "+f.plain(f.bound)+": %s", f.name, what)
}

func (f fit) number(v float64) string { return fmt.Sprintf(f.form, v/f.unit) }

// plain is a figure that is no growth.
func (f fit) plain(v float64) string { return strings.TrimPrefix(f.number(v), "+") }
