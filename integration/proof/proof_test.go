//go:build synctests

package proof_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weir-kafka/weir/integration/checker"
	"github.com/weir-kafka/weir/integration/proof"
)

var (
	seeds = flag.Uint64("seeds", 0, "how many seeds to run; 0 for a few")
	first = flag.Uint64("seed", 0, "the first seed")
	stop  = flag.Int("stop", 5, "after how many seeds that fail to stop")
)

const (
	someSeeds = 50
	fewSeeds  = 12 // with -short
)

// try runs one seed in a bubble of its own.
func try(t *testing.T, seed uint64) (r *proof.Result) {
	t.Helper()
	var err error
	synctest.Test(t, func(t *testing.T) { r, err = proof.Run(t.Context(), seed) })
	if err != nil {
		t.Errorf("seed %d: %v", seed, err)
	}
	return r
}

// Whatever happens to members, brokers, requests and sinks, every invariant
// holds, and once nothing happens any more everything gets done.
func TestProofEveryInvariantHoldsUnderEverySeed(t *testing.T) {
	n, from := *seeds, *first
	switch {
	case n > 0:
	case from > 0:
		n = 1
	case testing.Short():
		n = fewSeeds
	default:
		n = someSeeds
	}
	from = max(from, 1)
	begun := time.Now()
	sum := newSums()
	bad := 0
	for seed := from; seed < from+n && bad < *stop; seed++ {
		r := try(t, seed)
		if r == nil {
			bad++
			continue
		}
		if r.Undecided && onlyStuck(r.Report) {
			sum.undecided++
			continue
		}
		sum.add(r)
		if !r.Report.OK() {
			bad++
			complain(t, r)
		}
	}
	sum.print(t, time.Since(begun))
	if most := 1 + int64(n)/50; sum.undecided > most {
		t.Errorf("%d of %d seeds are undecided, want at most %d", sum.undecided, n, most)
	}
}

// onlyStuck reports whether nothing is wrong but that some partition stood still.
func onlyStuck(r *checker.Report) bool { return len(r.Classes) == 1 && r.Classes[checker.Stuck] > 0 }

// complain tells at once what is wrong: a run of many seeds may be ended before
// its tests are.
func complain(t *testing.T, r *proof.Result) {
	t.Helper()
	var b strings.Builder
	fmt.Fprintf(&b, "seed %d fails %v; this runs it again:\n  make proof SEED=%d\n", r.Seed, r.Report.Classes, r.Seed)
	for _, v := range r.Report.Verdicts {
		for _, w := range v.Witnesses {
			fmt.Fprintf(&b, "%s %s: %s\n", v.Invariant, w.Class, w.Text)
		}
	}
	if w, ok := r.Report.First(); ok {
		fmt.Fprintf(&b, "partition %s/%d around the first of these:\n%s\n", w.Partition.Topic, w.Partition.Partition, proof.Timeline(r.History, w))
	}
	tell(b.String())
	t.Errorf("seed %d fails", r.Seed)
}

func tell(s string) { fmt.Fprint(os.Stdout, s) }

// sums is what many seeds showed together.
type sums struct {
	processor              time.Duration
	seeds, undecided       int64
	faults, hits, outcomes map[string]int64
	classes                map[checker.Class]int
}

// processor is the time that the process has used so far.
func processor() time.Duration {
	var u syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func newSums() *sums {
	return &sums{processor: processor(), faults: map[string]int64{}, hits: map[string]int64{}, outcomes: map[string]int64{}, classes: map[checker.Class]int{}}
}

func (s *sums) add(r *proof.Result) {
	s.seeds++
	for k, n := range r.Faults {
		s.faults[k] += n
	}
	for k, n := range r.Hits {
		s.hits[k] += n
	}
	for k, n := range r.Report.Figures {
		s.outcomes[k] += n
	}
	for c, n := range r.Report.Classes {
		s.classes[c] += n
	}
}

func (s *sums) print(t *testing.T, took time.Duration) {
	t.Helper()
	var b strings.Builder
	for k, n := range s.hits {
		if _, injected := s.faults[k]; !injected {
			s.outcomes[k] = n
		}
	}
	violations := 0
	for _, n := range s.classes {
		violations += n
	}
	fmt.Fprintf(&b, "%d seeds in %s: %.1f a second, %s of processor time each; %d violations %v, %d undecided\n",
		s.seeds, took.Round(time.Millisecond), float64(s.seeds)/took.Seconds(), ((processor() - s.processor) / time.Duration(max(s.seeds, 1))).Round(time.Millisecond), violations, s.classes, s.undecided)
	for _, k := range slices.Sorted(maps.Keys(s.outcomes)) {
		fmt.Fprintf(&b, "  %-60s %d\n", k, s.outcomes[k])
	}
	fmt.Fprintf(&b, "faults injected, and what they hit\n")
	for _, k := range slices.Sorted(maps.Keys(s.faults)) {
		fmt.Fprintf(&b, "  %-60s %-7d", k, s.faults[k])
		if s.hits[k] > 0 {
			fmt.Fprintf(&b, " %d", s.hits[k])
		}
		b.WriteByte('\n')
	}
	if *seeds > 0 || *first > 0 {
		tell(b.String())
		return
	}
	t.Log(b.String())
}

func TestTwoRunsOfASeedInjectTheSameFaults(t *testing.T) {
	for seed := uint64(1); seed <= 5; seed++ {
		a, b := try(t, seed), try(t, seed)
		if a == nil || b == nil {
			continue
		}
		if a.Plan != b.Plan || !maps.Equal(a.Faults, b.Faults) {
			t.Errorf("seed %d: got plans %x and %x with faults %v and %v", seed, a.Plan, b.Plan, a.Faults, b.Faults)
		}
	}
}

func TestTwoSeedsInjectOthers(t *testing.T) {
	if a, b := try(t, 1), try(t, 2); a != nil && b != nil && a.Plan == b.Plan {
		t.Errorf("got plan %x for both", a.Plan)
	}
}
