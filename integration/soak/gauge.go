package main

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"
)

// use is what a process uses at a time.
type use struct {
	at                                      time.Duration
	heap, resident, goroutines, descriptors float64
	held                                    float64        // bytes of records
	collections                             float64        // of garbage, since it began
	started                                 map[string]int // goroutines by what they were started with
}

// gauge is a figure of a process that is to stay where it is.
type gauge struct {
	name string
	unit float64 // of a printed 1
	form string
	of   func(use) float64
	// A growth over the half of less than this, or of less than this share of what
	// was there, is called 0.
	least, share float64
	collected    bool // it says something new only after collections
}

// gauges are those that are fitted.
//
// Connections come and go: the service cuts them, and the sink keeps as many as it
// last needed, one to twenty. They and their goroutines are apart, by name, so that
// they do not hide the rest. Those to a broker remain: there are up to five of each
// member, which are opened when they are first needed.
func gauges() []gauge {
	const mib = 1 << 20
	return []gauge{
		{"heap", mib, "%+.1f MiB", func(u use) float64 { return u.heap }, 2 * mib, 0.05, true},
		{"goroutines", 1, "%+.0f", func(u use) float64 { return u.count(others) }, 2, 0, false},
		{"connections", 1, "%+.0f", func(u use) float64 { return u.count(connections) }, 24, 0, false},
		{"descriptors", 1, "%+.0f", func(u use) float64 { return u.descriptors - u.count(connections) }, 4, 0, false},
		{"resident", mib, "%+.1f MiB", func(u use) float64 { return u.resident }, 8 * mib, 0.1, true},
	}
}

// count is how many goroutines there are whose start is one of what.
func (u use) count(what func(start string) bool) (n float64) {
	for name, k := range u.started {
		if what(name) {
			n += float64(k)
		}
	}
	return n
}

// connections reports whether start is the one goroutine that each connection of
// HTTP has.
func connections(start string) bool {
	return start == "net/http.(*persistConn).readLoop" || start == "net/http.(*conn).serve"
}

// others reports whether start is of none that a connection has.
func others(start string) bool {
	for _, of := range []string{"net.", "net/http.", "github.com/twmb/franz-go/pkg/kgo.(*broker"} {
		if strings.HasPrefix(start, of) {
			return false
		}
	}
	return true
}

// light is so little held that what else is there can be compared. A process that
// is behind holds up to its budget, with connections and goroutines to match, and
// a run that ends so has not grown by that.
const light = 1 << 19

// emptied is after how many collections nothing is left of what was held or pooled:
// the first keeps what is pooled as its victim (sync.Pool).
const emptied = 2

// points are the figures at the moments that can be compared: little was held now
// and at the sample before. The live heap is that of the end of the last collection;
// it counts when there were enough since little is held.
func (g gauge) points(us []use) (ps []point) {
	since := -1.0 // the collections at the first of some samples with little held
	for _, u := range us {
		switch {
		case u.held > light:
			since = -1
		case since < 0:
			since = u.collections
		case !g.collected || u.collections >= since+emptied:
			ps = append(ps, point{u.at, g.of(u)})
		}
	}
	return ps
}

// grown says which goroutines are more at the last moments of the second half that
// can be compared than at the first, by the fewest of each third of them.
func grown(us []use) string {
	us = slices.DeleteFunc(slices.Clone(us), func(u use) bool { return u.held > light || u.at < us[len(us)-1].at/2 })
	fewest := func(us []use, name string) int {
		return slices.MinFunc(us, func(a, b use) int { return cmp.Compare(a.started[name], b.started[name]) }).started[name]
	}
	third := len(us) / 3
	if third == 0 {
		return ""
	}
	names := map[string]bool{}
	for _, u := range us {
		for name := range u.started {
			names[name] = true
		}
	}
	line := ""
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if n := fewest(us[len(us)-third:], name) - fewest(us[:third], name); n > 0 {
			line += fmt.Sprintf(", %+d %s", n, name)
		}
	}
	return strings.TrimPrefix(line, ", ")
}
