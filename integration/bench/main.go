// Command bench measures what Weir adds to the raw client.
//
// It runs a poll loop, Weir in partition order, the same poll loop again as the
// control of the measurement, and Weir in key order, in turn and many times in
// one process. The broker is a process of its own that answers every fetch from
// one canned batch. A ratio compares runs of the same round, and the median of
// the rounds is printed with the least and the most.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"runtime/pprof"
	"slices"
	"syscall"
	"time"
)

func main() {
	var o options
	serving := flag.Int("serve", 0, "be the broker, with values of so many bytes")
	flag.IntVar(&o.rounds, "rounds", 9, "rounds of every measurement")
	flag.DurationVar(&o.length, "time", time.Second, "length of a run, after as much to warm up")
	flag.StringVar(&o.only, "only", "", "run one subject alone")
	flag.IntVar(&o.size, "size", 0, "measure values of 100 or of 1000 bytes alone")
	flag.StringVar(&o.profile, "profile", "", "write a CPU profile to this file")
	flag.Parse()
	var err error
	if *serving > 0 {
		err = serve(*serving)
	} else {
		err = o.bench()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

type options struct {
	rounds        int
	length        time.Duration
	only, profile string
	size          int
}

// result is one run.
type result struct {
	perSecond float64       // records
	cpu       time.Duration // of this process for one record
	allocs    float64       // for one record
}

func (o *options) bench() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if o.profile != "" {
		f, err := os.Create(o.profile)
		if err != nil {
			return err
		}
		defer func() { _ = f.Close() }()
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	fmt.Printf("%d partitions, %d keys, %d processors, %s; %d rounds of %s\n", partitions, keys, runtime.NumCPU(), runtime.Version(), o.rounds, o.length)
	for _, size := range []int{100, 1000} {
		if o.size > 0 && size != o.size {
			continue
		}
		results, err := o.measure(ctx, size)
		if err != nil {
			return err
		}
		o.print(size, results)
	}
	return nil
}

// measure runs every subject in turn, as often as there are rounds.
func (o *options) measure(ctx context.Context, size int) (map[string][]result, error) {
	b, err := startBroker(size)
	if err != nil {
		return nil, err
	}
	defer b.close()
	results := make(map[string][]result)
	for round := range o.rounds {
		for i, s := range subjects() {
			if o.only != "" && s.name != o.only {
				continue
			}
			r, err := o.once(ctx, s, b.address, fmt.Sprintf("g-%d-%d-%d", size, round, i))
			if err != nil {
				return nil, fmt.Errorf("%s: %w", s.name, err)
			}
			results[s.name] = append(results[s.name], r)
		}
	}
	return results, nil
}

// once is one run: as long as it lasts it is warmed up, then measured.
func (o *options) once(ctx context.Context, s subject, address, group string) (result, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	runtime.GC()
	var count counter
	done := make(chan error, 1)
	go func() { done <- s.run(ctx, address, group, &count) }()
	wait := func() error {
		select {
		case err := <-done:
			return fmt.Errorf("ended early: %w", err)
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(o.length):
			return nil
		}
	}
	if err := wait(); err != nil {
		return result{}, err
	}
	from := look(&count)
	if err := wait(); err != nil {
		return result{}, err
	}
	to := look(&count)
	cancel()
	if err := <-done; err != nil {
		return result{}, err
	}
	n := float64(max(to.records-from.records, 1))
	return result{
		perSecond: n / to.at.Sub(from.at).Seconds(),
		cpu:       time.Duration(float64(to.cpu-from.cpu) / n),
		allocs:    float64(to.allocs-from.allocs) / n,
	}, nil
}

// moment is what the process had done at one time.
type moment struct {
	at      time.Time
	records int64
	cpu     time.Duration
	allocs  uint64
}

func look(count *counter) moment {
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	var use syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &use)
	return moment{time.Now(), count.records.Load(), time.Duration(use.Utime.Nano() + use.Stime.Nano()), mem.Mallocs}
}

func (o *options) print(size int, results map[string][]result) {
	fmt.Printf("\n%d B\n%-10s %12s %12s %14s %28s %12s %14s\n", size, "", "records/s", "CPU/record", "allocs/record", "of raw (least, most)", "CPU added", "allocs added")
	base := results["raw"]
	for _, s := range subjects() {
		rs := results[s.name]
		if len(rs) == 0 {
			continue
		}
		rate := median(rs, func(i int) float64 { return rs[i].perSecond })
		cpu := median(rs, func(i int) float64 { return float64(rs[i].cpu) })
		allocs := median(rs, func(i int) float64 { return rs[i].allocs })
		fmt.Printf("%-10s %12.0f %12s %14.4f", s.name, rate, time.Duration(cpu), allocs)
		if len(base) == len(rs) {
			ratio := func(i int) float64 { return rs[i].perSecond / base[i].perSecond }
			least, most := ratio(0), ratio(0)
			for i := range rs {
				least, most = min(least, ratio(i)), max(most, ratio(i))
			}
			added := median(rs, func(i int) float64 { return rs[i].allocs - base[i].allocs })
			addedCPU := median(rs, func(i int) float64 { return float64(rs[i].cpu - base[i].cpu) })
			fmt.Printf(" %14.2f (%.2f, %.2f) %12s %14.4f", median(rs, ratio), least, most, time.Duration(addedCPU), added)
		}
		fmt.Println()
	}
}

func median[T any](of []T, value func(i int) float64) float64 {
	vs := make([]float64, len(of))
	for i := range vs {
		vs[i] = value(i)
	}
	slices.Sort(vs)
	return vs[len(vs)/2]
}
