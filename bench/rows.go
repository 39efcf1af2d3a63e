package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"text/tabwriter"
	"time"
)

// gate is what a row must reach.
type gate struct {
	id, what     string
	unit         string // of a ratio it is x
	atLeast, aim float64
	less         bool // less is better
	count        bool // a count, which no noise makes void
}

// result is one row of the table.
type result struct {
	gate    string
	variant string // which of the workload's forms, such as 100 B
	interval
	control interval // of the same quantity; without one the row cannot be void
	note    string
}

// gateOf finds the gate of a result.
func gateOf(id string) gate {
	for _, g := range gates() {
		if g.id == id {
			return g
		}
	}
	return gate{id: id, what: "no bound", atLeast: 0}
}

// verdict is pass, MISS, void, left out or -, of a row without a bound.
func (r *result) verdict() string {
	g := gateOf(r.gate)
	switch {
	case math.IsNaN(r.median):
		return "left out"
	case g.atLeast == 0 && g.aim == 0:
		return "-"
	case !g.count && r.control.n > 0 && !r.control.within(controlBand):
		return "void"
	case g.less && r.median <= g.atLeast, !g.less && r.median >= g.atLeast:
		return "pass"
	}
	return "MISS"
}

// workload measures one or several rows.
type workload struct {
	name string // begins with the number of its rows
	run  func(ctx context.Context, l *lab) ([]result, error)
}

// lab is what the workloads share.
type lab struct {
	brokers      []string // of a real Kafka
	noBrokers    string   // why there are none
	onReal       bool     // W1 is measured there
	budget, each time.Duration
}

// all runs the workloads that only names. With an error it gives what was measured before.
func (l *lab) all(ctx context.Context, only string) ([]result, error) {
	var results []result
	for _, w := range workloads() {
		if !named(w.name, only) {
			continue
		}
		begun := time.Now()
		fmt.Fprintf(os.Stderr, "%s ...\n", w.name)
		rs, err := w.run(ctx, l)
		for i := range rs {
			fmt.Fprintf(os.Stderr, "  %s\n", line(&rs[i], "  "))
		}
		fmt.Fprintf(os.Stderr, "  in %.0f s\n", time.Since(begun).Seconds())
		results = append(results, rs...)
		if err != nil {
			return results, fmt.Errorf("%s: %w", w.name, err)
		}
	}
	if len(results) == 0 {
		return nil, fmt.Errorf("no workload begins with %q; there are %s", only, strings.Join(names(), ", "))
	}
	return results, nil
}

func named(name, only string) bool {
	if only == "" {
		return true
	}
	for _, o := range strings.Split(only, ",") {
		if strings.HasPrefix(name, o) {
			return true
		}
	}
	return false
}

func names() []string {
	var all []string
	for _, w := range workloads() {
		all = append(all, w.name)
	}
	return all
}

// line is a result as text, with sep between its columns.
func line(r *result, sep string) string {
	g := gateOf(r.gate)
	control := "-"
	if r.control.n > 0 {
		control = r.control.String()
	}
	bound, aim := "-", "-"
	if g.atLeast != 0 || g.aim != 0 {
		bound, aim = number(g.atLeast), number(g.aim)
	}
	return strings.Join([]string{r.gate, g.what, r.variant, r.String() + " " + g.unit, fmt.Sprint(r.n), control, bound, aim, r.verdict(), r.note}, sep)
}

func print(to io.Writer, results []result) {
	w := tabwriter.NewWriter(to, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "row\twhat\tform\tmedian (95 %)\tn\tA/A\tat least\taim\tverdict\tnote")
	for i := range results {
		_, _ = fmt.Fprintln(w, line(&results[i], "\t"))
	}
	_ = w.Flush()
}

// missed are the counts that miss their bounds: a ratio of times is for the reader.
func missed(results []result) []string {
	var all []string
	for i := range results {
		if r := &results[i]; r.verdict() == "MISS" && gateOf(r.gate).count {
			all = append(all, r.gate+" "+r.variant)
		}
	}
	return all
}
