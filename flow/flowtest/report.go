package flowtest

import (
	"bytes"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"text/tabwriter"
)

// Report is the verdict on algorithms over sets of scenarios.
type Report struct {
	Sets      map[string]map[string]Summary `json:"sets"` // by set and algorithm
	Scenarios []Score                       `json:"scenarios"`
}

// Summary is the verdict on one algorithm over one set.
type Summary struct {
	Geomean       float64 `json:"geomean"`
	Worst         float64 `json:"worst"`
	Amplification float64 `json:"amplification"` // the largest
	AtMinimum     float64 `json:"at_minimum"`    // the longest, seconds
	Scenarios     int     `json:"scenarios"`
}

// NewReport sums scores up.
func NewReport(scores []Score) Report {
	r := Report{Sets: map[string]map[string]Summary{}, Scenarios: scores}
	for _, s := range scores {
		set := r.Sets[s.Set]
		if set == nil {
			set = map[string]Summary{}
			r.Sets[s.Set] = set
		}
		sum, ok := set[s.Algorithm]
		if !ok {
			sum.Worst = math.Inf(1)
		}
		sum.Geomean += math.Log(s.Score) // a sum until below
		sum.Worst = min(sum.Worst, s.Score)
		sum.Amplification = max(sum.Amplification, s.Amplification)
		sum.AtMinimum = max(sum.AtMinimum, s.AtMinimum)
		sum.Scenarios++
		set[s.Algorithm] = sum
	}
	for _, set := range r.Sets {
		for name, sum := range set {
			sum.Geomean = math.Exp(sum.Geomean / float64(sum.Scenarios))
			set[name] = sum
		}
	}
	return r
}

// WriteTable writes scores with a line for each scenario and a column for each
// algorithm; of a single algorithm it writes every measure.
func (r Report) WriteTable(w io.Writer) error {
	names := map[string]bool{}
	for _, s := range r.Scenarios {
		names[s.Algorithm] = true
	}
	var cells bytes.Buffer
	if len(names) == 1 {
		r.writeMeasures(&cells)
	} else {
		r.writeScores(&cells, slices.Sorted(maps.Keys(names)))
	}
	tw := tabwriter.NewWriter(w, 0, 4, 2, ' ', tabwriter.AlignRight)
	if _, err := cells.WriteTo(tw); err != nil {
		return fmt.Errorf("table: %w", err)
	}
	return tw.Flush()
}

func (r Report) writeMeasures(w *bytes.Buffer) {
	fmt.Fprint(w, "scenario\tscore\tgoodput\tp99\tmean\tstart-up s\trecovery s\tovershoot\tamplification\tat minimum s\tJain\t\n")
	for _, s := range r.Scenarios {
		fmt.Fprintf(w, "%s\t%.3f\t%.3f\t%.2f\t%.2f\t%.1f\t%.1f\t%.1f\t%.3f\t%.1f\t%.2f\t\n", s.Scenario, s.Score, s.Goodput,
			s.P99, s.Mean, s.StartUp, s.Recovery, s.Overshoot, s.Amplification, s.AtMinimum, s.Jain)
	}
	for _, set := range slices.Sorted(maps.Keys(r.Sets)) {
		for _, sum := range r.Sets[set] {
			fmt.Fprintf(w, "%s: geomean\t%.3f\tworst\t%.3f\t\t\t\t\t%.3f\t%.1f\t\t\n", set, sum.Geomean, sum.Worst, sum.Amplification, sum.AtMinimum)
		}
	}
}

func (r Report) writeScores(w *bytes.Buffer, names []string) {
	line := func(head, format string, value func(name string) (float64, bool)) {
		fmt.Fprint(w, head, "\t")
		for _, n := range names {
			if v, ok := value(n); ok {
				fmt.Fprintf(w, format, v)
			}
			fmt.Fprint(w, "\t")
		}
		fmt.Fprintln(w)
	}
	fmt.Fprint(w, "scenario\t")
	for _, n := range names {
		fmt.Fprint(w, n, "\t")
	}
	fmt.Fprintln(w)
	for i := 0; i < len(r.Scenarios); i += len(names) {
		at := r.Scenarios[i : i+len(names)]
		line(at[0].Scenario, "%.3f", func(n string) (float64, bool) {
			k := slices.IndexFunc(at, func(s Score) bool { return s.Algorithm == n })
			return at[max(k, 0)].Score, k >= 0
		})
	}
	for _, name := range slices.Sorted(maps.Keys(r.Sets)) {
		set := r.Sets[name]
		line(name+": geomean", "%.3f", func(n string) (float64, bool) { s, ok := set[n]; return s.Geomean, ok })
		line(name+": worst", "%.3f", func(n string) (float64, bool) { s, ok := set[n]; return s.Worst, ok })
		line(name+": amplification", "%.2f", func(n string) (float64, bool) { s, ok := set[n]; return s.Amplification, ok })
		line(name+": at minimum s", "%.1f", func(n string) (float64, bool) { s, ok := set[n]; return s.AtMinimum, ok })
	}
}
