package trial

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// Result is what both sides showed.
type Result struct {
	Name          string
	Config        Config
	Without, With Side
}

// Side is a server with a door, or without.
type Side struct {
	Unloaded, Loaded Load
	Before, During   Memory // peaks: at half load, and at full
}

// Slower is the p99 of what was accepted under full load, in multiples of that at
// half load; zero when nothing was accepted.
func (s *Side) Slower() float64 {
	if s.Unloaded.P99 == 0 {
		return 0
	}
	return float64(s.Loaded.P99) / float64(s.Unloaded.P99)
}

// Goodput is what was accepted under full load, as a share of the capacity.
func (r *Result) Goodput(s *Side) float64 { return s.Loaded.Accepted / r.Config.Capacity() }

// Grown is the memory that full load took.
func (s *Side) Grown() uint64 {
	if s.During.Bytes < s.Before.Bytes {
		return 0
	}
	return s.During.Bytes - s.Before.Bytes
}

// flat is what memory may grow: the goroutines of a full queue and their buffers.
const flat = 64 << 20

// Gate returns what the door did not keep of its promise.
func (r *Result) Gate() error {
	var errs []error
	s := &r.With
	if x := s.Slower(); x == 0 || x > 2 {
		errs = append(errs, fmt.Errorf("p99 of accepted is %.2fx of unloaded, want at most 2x", x))
	}
	if g := r.Goodput(s); g < 0.9 {
		errs = append(errs, fmt.Errorf("goodput is %.2f of the capacity, want at least 0.9", g))
	}
	if n := s.Loaded.Counts[Bare]; n > 0 {
		errs = append(errs, fmt.Errorf("%d refusals do not say when to come again", n))
	}
	if s.Grown() > flat {
		errs = append(errs, fmt.Errorf("memory grew by %d MiB, want at most %d", s.Grown()>>20, flat>>20))
	}
	return errors.Join(errs...)
}

// Print writes the table.
func (r *Result) Print(out io.Writer) {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(w, "%s: %d workers of %s = %.0f/s, offered %.0fx\twithout\twith\n",
		r.Name, r.Config.Workers, r.Config.Work, r.Config.Capacity(), r.Config.Over)
	row := func(name string, of func(s *Side) string) {
		_, _ = fmt.Fprintf(w, "%s\t%s\t%s\n", name, of(&r.Without), of(&r.With))
	}
	ms := func(d time.Duration) string { return fmt.Sprintf("%.0f ms", float64(d)/float64(time.Millisecond)) }
	row("offered /s", func(s *Side) string { return fmt.Sprintf("%.0f", s.Loaded.Offered) })
	row("accepted /s", func(s *Side) string { return fmt.Sprintf("%.0f", s.Loaded.Accepted) })
	row("share of capacity", func(s *Side) string { return fmt.Sprintf("%.2f", r.Goodput(s)) })
	row("unloaded p50 / p99", func(s *Side) string { return ms(s.Unloaded.P50) + " / " + ms(s.Unloaded.P99) })
	row("accepted p50 / p99", func(s *Side) string { return ms(s.Loaded.P50) + " / " + ms(s.Loaded.P99) })
	row("p99 over unloaded", func(s *Side) string {
		if s.Slower() == 0 {
			return "nothing accepted"
		}
		return fmt.Sprintf("%.2fx", s.Slower())
	})
	row("refused", func(s *Side) string { return fmt.Sprint(s.Loaded.Counts[Refused] + s.Loaded.Counts[Bare]) })
	row("refused, no Retry-After", func(s *Side) string { return fmt.Sprint(s.Loaded.Counts[Bare]) })
	row("no answer in time", func(s *Side) string { return fmt.Sprint(s.Loaded.Counts[Failed]) })
	row("server memory, before / peak", func(s *Side) string {
		return fmt.Sprintf("%d / %d MiB", s.Before.Bytes>>20, s.During.Bytes>>20)
	})
	row("server goroutines, before / peak", func(s *Side) string {
		return fmt.Sprintf("%d / %d", s.Before.Goroutines, s.During.Goroutines)
	})
	_ = w.Flush() // the terminal is gone: nobody to tell
}
