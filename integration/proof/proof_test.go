//go:build synctests

package proof_test

import (
	"flag"
	"fmt"
	"maps"
	"os"
	"runtime"
	"strings"
	"sync/atomic"
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

	lastLine atomic.Value // string
)

// TestMain says last what a run of many seeds came to, for whoever reads no more
// than that.
func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if *seeds > 0 || *first > 0 {
		line, _ := lastLine.Load().(string)
		tell(line + "\n")
	}
	os.Exit(code)
}

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
	all := newSums(n)
	w := newWatch(mostGoroutines, mostTime, func(why string) {
		tell(stacks() + all.String() + "given up: " + why + "\n" + all.line() + "\n")
		os.Exit(1)
	})
	t.Run("seeds", func(t *testing.T) {
		var next atomic.Uint64
		for range runtime.GOMAXPROCS(0) {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				for i := next.Add(1); i <= n && all.bad() < *stop; i = next.Add(1) {
					seed := from + i - 1
					w.begin(seed, time.Now())
					r := try(t, seed)
					w.end(seed)
					all.judge(t, r)
				}
			})
		}
	})
	w.close()
	all.print(t)
	if most := 1 + int64(n)/50; all.undecided > most {
		t.Errorf("%d of %d seeds are undecided, want at most %d", all.undecided, n, most)
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

func TestTwoRunsOfASeedInjectTheSameFaults(t *testing.T) {
	n := uint64(8) // every family is among them
	if testing.Short() {
		n = 3
	}
	for seed := uint64(1); seed <= n; seed++ {
		a, b := try(t, seed), try(t, seed)
		if a == nil || b == nil {
			continue
		}
		if a.Plan != b.Plan || !maps.Equal(a.Faults, b.Faults) || !maps.Equal(a.Answers, b.Answers) {
			t.Errorf("seed %d: got plans %x and %x with faults %v and %v", seed, a.Plan, b.Plan, a.Faults, b.Faults)
		}
	}
}

func TestTwoSeedsInjectOthers(t *testing.T) {
	if a, b := try(t, 1), try(t, 2); a != nil && b != nil && a.Plan == b.Plan {
		t.Errorf("got plan %x for both", a.Plan)
	}
}
