// Command soak runs the real binary for a long time under load, with a broker in a
// process of its own and a service over real sockets that is in a bad mood every
// few seconds, while members join, leave, are killed, frozen and cut off from the
// broker, and the broker is restarted and killed. Then all faults end, the rest is
// delivered, and what happened is judged by package checker: the records, what each
// member did to its group and why, and what it said of itself. One member lives
// throughout: its heap, goroutines, descriptors and resident memory must not grow
// over the second half, at moments at which little is held.
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
	"sync"
	"syscall"
	"time"

	"github.com/weir-kafka/weir/integration/checker"
	"github.com/weir-kafka/weir/integration/lab"
)

func main() {
	lasts := flag.Duration("for", 10*time.Minute, "how long there are faults; the rest is delivered after that")
	seed := flag.Uint64("seed", uint64(time.Now().UnixNano()), "of the faults and their times; the rest is the machine's") //nolint:gosec // any number
	bug := flag.String("plant", "", "a bug to plant into the binary, to see that it is found: "+names())
	keep := flag.Bool("keep", false, "keep logs and samples, which a run that fails keeps anyway")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *lasts, *seed, *bug, *keep); err != nil {
		fmt.Fprintln(os.Stderr, "soak:", err)
		os.Exit(1)
	}
}

var errMissed = errors.New("not all is as it must be")

func run(ctx context.Context, lasts time.Duration, seed uint64, bug string, keep bool) error {
	if lasts < time.Minute {
		return fmt.Errorf("-for %s: of less than a minute no slope can be told", lasts)
	}
	dir, err := os.MkdirTemp("", "weir-soak-")
	if err != nil {
		return err
	}
	flags, err := with(dir, bug)
	if err != nil {
		return err
	}
	bin, err := lab.Build(ctx, dir, flags...)
	if err != nil {
		return err
	}
	fmt.Printf("soak: %s, seed %d, logs in %s\n", lasts, seed, dir)
	s := &soak{lasts: lasts, side: newSide()}
	s.lab, err = lab.Open(ctx, lab.Config{
		Bin: bin, Dir: filepath.Join(dir, "lab"), Records: lab.Records{Keys: 600, Poison: 400, Pad: 300},
		Memory: "32MiB", Batch: "ndjson", Messages: 5, Timeout: 2 * time.Second, Attempts: 50,
		Mood: s.side.fine, Grace: longSession, Progress: 3 * time.Minute,
	})
	if err != nil {
		return err
	}
	defer s.lab.Close()
	samples, err := os.Create(filepath.Join(dir, "samples"))
	if err != nil {
		return err
	}
	defer func() { _ = samples.Close() }()
	_, _ = fmt.Fprintln(samples, "member seconds heap resident goroutines descriptors held partitions collections started")
	s.sampler = newSampler(s.lab.Log, samples)
	r, err := s.run(ctx, seed)
	if r == nil {
		return fmt.Errorf("%w; seed %d, logs in %s", err, seed, dir)
	}
	if !s.verdict(r, err) {
		return fmt.Errorf("%w; seed %d, logs in %s", errMissed, seed, dir)
	}
	if keep {
		return nil
	}
	return os.RemoveAll(dir)
}

// soak is one run.
type soak struct {
	lasts   time.Duration
	lab     *lab.Lab
	side    *side
	sampler *sampler
	load    load
	crawl   crawl
	faults  counts
	member  *lab.Member // that lives throughout

	mu      sync.Mutex
	visitor *lab.Member // nil for none
	missed  []string    // what is wrong, and no end of the run
	err     error
}

func (s *soak) miss(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.missed = append(s.missed, what)
}

func (s *soak) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.err = errors.Join(s.err, err)
}

// run returns the report, or nil and why there is none.
func (s *soak) run(ctx context.Context, seed uint64) (_ *checker.Report, err error) {
	if s.member, err = s.lab.Start(ctx, longSession, nil); err != nil {
		return nil, err
	}
	defer s.member.Abandon()
	s.load.backlog = func() int64 { return int64(s.lab.Produced()) - s.lab.Taken() }
	producing, end := context.WithCancel(ctx)
	defer end()
	produced := make(chan error, 1)
	go func() { produced <- s.lab.Produce(producing, s.load.count) }()
	if err := s.measure(ctx); err != nil {
		return nil, err
	}
	watched := s.watching(ctx)
	defer watched()
	s.disturb(ctx, seed)
	end()
	if ctx.Err() != nil { // the broker is gone too, so that what is being written may not end soon
		return nil, ctx.Err()
	}
	if err := <-produced; err != nil {
		return nil, err
	}
	fmt.Printf("no more faults, %d records are not committed\n", s.lab.Lag(ctx))
	stop := s.sampler.begin(ctx, s.member, false)
	err = s.lab.Calm(ctx, max(5*time.Minute, s.lasts/2))
	watched()
	pause(ctx, 4*time.Second) // for readings at rest
	stop()
	r, e := s.lab.Judge(ctx, s.member)
	return r, errors.Join(s.err, err, e)
}

// measure sees what the pipeline can take, and sets the load to half of it.
func (s *soak) measure(ctx context.Context) error {
	if err := s.member.Busy(ctx); err != nil {
		return err
	}
	pause(ctx, 5*time.Second) // the limit finds its place
	before, begun := s.lab.Taken(), time.Now()
	pause(ctx, 5*time.Second)
	took, in := s.lab.Taken()-before, time.Since(begun)
	rate := pace(took, in, s.lasts)
	s.load.rate.Store(rate)
	s.crawl.capacity = float64(took) / in.Seconds()
	fmt.Printf("the pipeline takes %.0f records a second, so %d a second are written\n", float64(took)/in.Seconds(), rate)
	return ctx.Err()
}

// disturb lets faults happen until the time is over.
func (s *soak) disturb(whole context.Context, seed uint64) {
	ctx, end := context.WithTimeout(whole, s.lasts)
	defer end()
	var all sync.WaitGroup
	rng := func(track uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, track)) } //nolint:gosec // chance, not a secret
	all.Go(func() { s.temper(ctx, rng(1)) })
	all.Go(func() { s.cut(ctx, rng(2)) })
	all.Go(func() { s.freeze(ctx, rng(3)) })
	all.Go(func() { s.visit(ctx, whole, rng(4)) })
	all.Go(func() { s.restart(ctx, whole, rng(5)) })
	defer s.sampler.begin(ctx, s.member, true)()
	all.Go(func() {
		for begun := time.Now(); pause(ctx, time.Minute); {
			fmt.Printf("%s: %d delivered, lag %d, %d faults, %s\n",
				time.Since(begun).Round(time.Second), s.lab.Taken(), s.lab.Lag(whole), s.faults.total(), s.sampler)
		}
	})
	all.Wait()
}
