// Command chaos kills the real binary with SIGKILL at every named point of a
// record's journey, starts it again and looks from outside what became of the
// records: nothing may be lost, no key may be out of order, and no more may be
// repeated than the killed process had written down before.
//
// The broker is a process of its own with a data directory, which in some trials
// is killed too. The service that takes the effects lives here, in the third
// process. What was seen from there is judged by package checker.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/weir-kafka/weir/integration/lab"
	"github.com/weir-kafka/weir/internal/crash"
)

var errMissed = errors.New("not all is as it must be")

func main() {
	only := flag.String("only", "", "points whose names contain this")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()), "of the passings at which processes end; the rest is the machine's")
	parallel := flag.Int("parallel", 6, "trials at a time; they mostly wait for sessions to end")
	cycles := flag.Int("cycles", 60, "graceful stops of real processes")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *only, *seed, *parallel, *cycles); err != nil {
		fmt.Fprintln(os.Stderr, "chaos:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, only string, seed uint64, parallel, cycles int) error {
	dir, err := os.MkdirTemp("", "weir-chaos-")
	if err != nil {
		return err
	}
	bin, err := lab.Build(ctx, dir, "-tags", "crashpoints")
	if err != nil {
		return err
	}
	points := slices.DeleteFunc(crash.Points(), func(p crash.Point) bool { return !strings.Contains(string(p), only) })
	if len(points) == 0 {
		return fmt.Errorf("no point has %q in its name", only)
	}
	fmt.Printf("chaos: %d points, seed %d, traces in %s\n\n", len(points), seed, dir)
	rows := tryAll(ctx, points, shapes(), bin, dir, seed, parallel)
	all, hit, ok := printTable(rows)
	fmt.Println("Nothing writes in transactions yet. Its five points (begun, offsets not added, offsets added and not ended, end sent,\n" +
		"abort) have five others in their place: " + standIns() + ".")
	if only == "" && cycles > 0 {
		ok = churn(ctx, bin, filepath.Join(dir, "churn"), cycles, seed) && ok
	}
	fmt.Printf("chaos: %d of %d crash points, %d records, %d lost, %d duplicates of at most %d\n", hit, len(rows), all.records, all.lost, all.duplicates, all.bound)
	if !ok {
		return fmt.Errorf("%w; seed %d, traces in %s", errMissed, seed, dir)
	}
	return os.RemoveAll(dir)
}

// row is what came of all trials of a point.
type row struct {
	point crash.Point
	hits  int
	verdict
}

// missed reports a point that was not hit as often as it had to be, or that was
// hit and left damage.
func (r *row) missed(want int) bool { return r.hits < want || !r.ok() }

// tryAll runs the trials of all points, some at a time.
func tryAll(ctx context.Context, points []crash.Point, shapes []shape, bin, dir string, seed uint64, parallel int) []row {
	rows := make([]row, len(points))
	var mu sync.Mutex
	var all sync.WaitGroup
	slots := make(chan struct{}, parallel)
	for i, point := range points {
		rows[i].point = point
		for k, s := range shapes {
			slots <- struct{}{}
			all.Go(func() {
				defer func() { <-slots }()
				t := &trial{
					point: point, shape: s, bin: bin, dir: filepath.Join(dir, fmt.Sprintf("%02d-%d", i, k)),
					rng: rand.New(rand.NewPCG(seed, uint64(i*len(shapes)+k))), //nolint:gosec // chance, not a secret
				}
				v, err := t.run(ctx, t.lead)
				for w := range v.witnesses {
					v.witnesses[w] = fmt.Sprintf("%s (%s): %s", t.dir, s, v.witnesses[w])
				}
				if err != nil {
					v.witnesses = append(v.witnesses, fmt.Sprintf("%s (%s): %v", t.dir, s, err))
				}
				mu.Lock()
				defer mu.Unlock()
				rows[i].hits += t.hits
				rows[i].add(v)
			})
		}
	}
	all.Wait()
	return rows
}

// wantHits is how often each point must be hit: once for each crash of its shapes.
func wantHits(shapes []shape) (n int) {
	for _, s := range shapes {
		n += s.crashes
	}
	return n
}

// printTable prints a row a point and returns all of them together, and whether
// all is well.
func printTable(rows []row) (all verdict, hit int, ok bool) {
	ok = true
	want := wantHits(shapes())
	fmt.Printf("%-40s %5s %8s %5s %13s %16s %11s %6s\n", "point", "hits", "records", "lost", "out of order", "other anomalies", "duplicates", "bound")
	for _, r := range rows {
		fmt.Printf("%-40s %3d/%d %8d %5d %13d %16d %11d %6d\n", r.point, r.hits, want, r.records, r.lost, r.disorder, r.other, r.duplicates, r.bound)
		if r.hits >= want {
			hit++
		}
		ok = ok && !r.missed(want)
		all.add(r.verdict)
	}
	fmt.Println()
	for _, w := range all.witnesses {
		fmt.Println("  " + w)
	}
	return all, hit, ok
}
