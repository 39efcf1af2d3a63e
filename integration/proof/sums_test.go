//go:build synctests

package proof_test

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/weir-kafka/weir/integration/checker"
	"github.com/weir-kafka/weir/integration/proof"
)

// sums is what many seeds showed together.
type sums struct {
	of    uint64 // seeds that were asked for
	begun time.Time

	mu                             sync.Mutex
	seeds, undecided, failed       int64
	faults, hits, answers, figures map[string]int64
	classes                        map[checker.Class]int
}

func newSums(of uint64) *sums {
	return &sums{
		of: of, begun: time.Now(), faults: map[string]int64{}, hits: map[string]int64{}, answers: map[string]int64{},
		figures: map[string]int64{}, classes: map[checker.Class]int{},
	}
}

// judge takes the result of a seed, nil for one that could not be run.
func (s *sums) judge(t *testing.T, r *proof.Result) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case r == nil:
		s.failed++
		return
	case r.Undecided && onlyStuck(r.Report):
		s.undecided++
		w, _ := r.Report.First()
		w.At = len(r.History.Events) - 1
		tell(fmt.Sprintf("seed %d is undecided\n%s\n", r.Seed, proof.Timeline(r.History, w)))
	case !r.Report.OK():
		s.failed++
		complain(t, r)
		for c, n := range r.Report.Classes {
			s.classes[c] += n
		}
	}
	s.seeds++
	for to, from := range map[*map[string]int64]map[string]int64{&s.faults: r.Faults, &s.hits: r.Hits, &s.answers: r.Answers, &s.figures: r.Report.Figures} {
		for k, n := range from {
			(*to)[k] += n
		}
	}
}

// bad is how many seeds have failed.
func (s *sums) bad() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return int(s.failed)
}

func total[K comparable, V int | int64](of map[K]V) (n V) {
	for _, v := range of {
		n += v
	}
	return n
}

// line is the sums in short.
func (s *sums) line() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return fmt.Sprintf("proof: %d seeds, %d deliveries, %d faults, %d violations, %d undecided, %s",
		s.seeds, s.figures["outcomes delivered"], total(s.faults), total(s.classes), s.undecided, time.Since(s.begun).Round(time.Second))
}

// String is the tables.
func (s *sums) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var b strings.Builder
	took := time.Since(s.begun)
	fmt.Fprintf(&b, "%d of %d seeds in %s: %.1f seeds, %.0f deliveries and %.0f faults a second; violations %v\n", s.seeds, s.of, took.Round(time.Millisecond),
		float64(s.seeds)/took.Seconds(), float64(s.figures["outcomes delivered"])/took.Seconds(), float64(total(s.faults))/took.Seconds(), s.classes)
	for _, k := range slices.Sorted(maps.Keys(s.figures)) {
		fmt.Fprintf(&b, "  %-60s %d\n", k, s.figures[k])
	}
	fmt.Fprintf(&b, "faults injected, and what they hit\n")
	for _, k := range slices.Sorted(maps.Keys(s.faults)) {
		fmt.Fprintf(&b, "  %-60s %-7d", k, s.faults[k])
		if s.hits[k] > 0 {
			fmt.Fprintf(&b, " %d", s.hits[k])
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(&b, "refusals injected by code, and the answers that they were\n")
	for _, k := range slices.Sorted(maps.Keys(s.answers)) {
		fmt.Fprintf(&b, "  %-60s %-7d %d\n", k, s.answers[k], s.hits[k])
	}
	return b.String()
}

func (s *sums) print(t *testing.T) {
	t.Helper()
	lastLine.Store(s.line())
	if *seeds > 0 || *first > 0 {
		tell(s.String())
		return
	}
	t.Log(s)
}
