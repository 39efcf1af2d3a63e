package main

import (
	"slices"
	"testing"

	"github.com/weir-kafka/weir/integration/checker"
)

func TestARunThatSawNothingHasNotPassed(t *testing.T) {
	t.Parallel()
	r := &checker.Report{Figures: map[string]int64{
		"outcomes delivered": 1, "commits": 1, "joins": 1, "samples": 1,
		"readings of committed": 1, "readings of lag": 2, "readings of in flight": 3,
	}}
	if got := unjudged(r); len(got) > 0 || readings(r) != 6 {
		t.Errorf("got %q and %d readings, want all known and 6", got, readings(r))
	}
	for what := range r.Figures {
		r.Figures[what]--
	}
	want := []string{"nothing is known: no readings of committed"}
	if got := unjudged(r); !slices.Contains(got, want[0]) || len(got) != 5 {
		t.Errorf("got %q, want five, with %q", got, want)
	}
}
