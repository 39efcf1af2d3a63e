package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
)

// WriteJSON writes the report as one JSON object.
func (r *Report) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(r)
}

// WriteTable writes the report for people.
func (r *Report) WriteTable(out io.Writer) error {
	w := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	p := func(format string, args ...any) { _, _ = fmt.Fprintf(w, format+"\n", args...) }
	p("%s: topics %s, %d partitions, from %s, sink %s", r.Name, names(r.Topics), r.Partitions, r.From, r.Sink)
	p("%d records a segment, the same in each; %d of them warm it up; fetches of %d KiB, %d KiB a partition, on both sides\n",
		r.Records, r.Warmup, r.FetchBytes>>10, r.FetchPartitionBytes>>10)
	p("\trecords/s\tCPU/record\tallocs/record\tB/record")
	for _, s := range []struct {
		name string
		side *Side
	}{{"raw loop", &r.Raw}, {"pipeline", &r.Pipeline}, {"raw again", &r.RawAgain}} {
		p("%s\t%.0f (%.0f, %.0f)\t%s (%s, %s)\t%.3f\t%.0f", s.name, s.side.PerSecond.Median, s.side.PerSecond.Low, s.side.PerSecond.High,
			nanos(s.side.CPU.Median), nanos(s.side.CPU.Low), nanos(s.side.CPU.High), s.side.Allocs.Median, s.side.Bytes.Median)
	}
	p("pipeline / raw\t%s\t%s", r.Throughput.text(), r.CPU.text())
	p("raw again / raw\t%s\t%s\n", r.Throughput.Control.text(), r.CPU.Control.text())
	p("%s", r.method())
	if r.CPU.Valid {
		p("CPU of the pipeline a record: %s", r.Cost.text())
	}
	for _, n := range r.Notes {
		p("note: %s", n)
	}
	p("verdict: %s", strings.Join(r.Verdict, ";\n  "))
	return w.Flush()
}

func (r *Report) method() string {
	if r.Rounds == 1 {
		return "of one round"
	}
	return fmt.Sprintf("medians of %d rounds, and between what they lie in %.0f %% of cases", r.Rounds, 100*r.Coverage)
}

func (i Interval) text() string { return fmt.Sprintf("%.2f (%.2f, %.2f)", i.Median, i.Low, i.High) }

// text shows no number that does not count.
func (r *Ratio) text() string {
	if !r.Valid {
		return "void"
	}
	return r.Interval.text()
}

func (c *Cost) text() string {
	s := fmt.Sprintf("client (as in the raw loop) %s, handlers %s, sinks %s", nanos(c.Client), nanos(c.Handler), nanos(c.Sink))
	if c.Waits {
		return s + ", more than was computed: calls wait"
	}
	return s + fmt.Sprintf(", engine %s", nanos(c.Engine))
}
