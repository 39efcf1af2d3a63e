package trial

import (
	"strings"
	"testing"
)

// Check is the test of a subject: counts and ratios of one run, with bounds that
// a busy machine keeps. What is promised exactly is for [Result.Gate].
func Check(t *testing.T, s Subject) {
	t.Helper()
	r, err := Run(t.Context(), s, Short())
	if err != nil {
		t.Fatal(err)
	}
	var table strings.Builder
	r.Print(&table)
	t.Log("\n" + table.String())

	with, without := &r.With, &r.Without
	if with.Loaded.Counts[Refused] == 0 {
		t.Error("got no refusal, want most of the load refused")
	}
	if n := with.Loaded.Counts[Bare]; n > 0 {
		t.Errorf("got %d refusals without a time to come again, want none", n)
	}
	if g := r.Goodput(with); g < 0.5 {
		t.Errorf("got goodput of %.2f of the capacity, want at least half", g)
	}
	if g, w := r.Goodput(with), r.Goodput(without); g <= w {
		t.Errorf("got goodput of %.2f with a door and %.2f without, want more with it", g, w)
	}
	if n, w := with.Loaded.Counts[Failed], without.Loaded.Counts[Failed]; n > w/10 {
		t.Errorf("got %d calls without an answer in time, want at most a tenth of the %d without a door", n, w)
	}
	if x := with.Slower(); x > 8 {
		t.Errorf("p99 of accepted is %.1fx of unloaded, want nothing near the patience of clients", x)
	}
	if n, w := with.During.Goroutines, without.During.Goroutines; n > w/2 {
		t.Errorf("got %d goroutines, want at most half of the %d without a door", n, w)
	}
}
