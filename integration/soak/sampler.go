package main

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/weir-kafka/weir/integration/lab"
	"github.com/weir-kafka/weir/integration/ledger"
)

// sampler asks members once a second what they use.
type sampler struct {
	log  *ledger.Log
	file io.Writer // gets a line a sample

	mu     sync.Mutex
	uses   []use // of the member that lives throughout
	held   int64 // the most
	rss    int64 // the most
	failed int
}

func newSampler(log *ledger.Log, file io.Writer) *sampler {
	return &sampler{log: log, file: file}
}

// begin samples m until ctx ends or end is called, which waits for what is under
// way; keep says that its figures make the slopes.
func (s *sampler) begin(parent context.Context, m *lab.Member, keep bool) (end func()) {
	ctx, cancel := context.WithCancel(parent)
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.follow(ctx, m, keep)
	}()
	return func() {
		cancel()
		<-done
	}
}

func (s *sampler) follow(ctx context.Context, m *lab.Member, keep bool) {
	begun := time.Now()
	t := time.NewTicker(time.Second)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		if err := s.sample(ctx, m, time.Since(begun), keep); err != nil && ctx.Err() == nil {
			s.mu.Lock()
			s.failed++
			s.mu.Unlock()
		}
	}
}

func (s *sampler) sample(ctx context.Context, m *lab.Member, at time.Duration, keep bool) error {
	r, err := m.Scrape(ctx)
	if err != nil {
		return err
	}
	fds, err := m.Descriptors()
	if err != nil {
		return err
	}
	started, err := m.Goroutines(ctx)
	if err != nil {
		return err
	}
	u := use{at: at, descriptors: float64(fds), started: started, held: float64(r.HeldBytes)}
	for metric, to := range map[string]*float64{
		"go_gc_heap_live_bytes": &u.heap, "go_goroutines": &u.goroutines, "process_resident_memory_bytes": &u.resident,
		"go_gc_duration_seconds_count": &u.collections,
	} {
		v, ok := r.Metrics[metric]
		if !ok {
			return fmt.Errorf("no %s among the metrics", metric)
		}
		*to = v
	}
	rss := int64(u.resident)
	s.log.Add(ledger.Event{Kind: ledger.Sampled, Instance: m.N, Sample: &ledger.Sample{
		HeldBytes: max(r.Totals.MaxHeld, int64(r.Metrics["weir_poll_held_bytes"])), Budget: r.BudgetBytes, RSS: rss,
	}})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held, s.rss = max(s.held, r.Totals.MaxHeld), max(s.rss, rss)
	_, _ = fmt.Fprintf(s.file, "%d %.1f %.0f %.0f %.0f %d %d %d %.0f %v\n", m.N, at.Seconds(), u.heap, u.resident, u.goroutines, fds, r.HeldBytes, len(r.Partitions), u.collections, started)
	if keep {
		s.uses = append(s.uses, u)
	}
	return nil
}

// fits fits what was kept until now.
func (s *sampler) fits() (fs []fit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range gauges() {
		fs = append(fs, g.fit(s.uses))
	}
	return fs
}

// grown says which goroutines are more, if any.
func (s *sampler) grown() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return grown(s.uses)
}

// String is the last figures.
func (s *sampler) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	const mib = 1 << 20
	var u use
	if n := len(s.uses); n > 0 {
		u = s.uses[n-1]
	}
	return fmt.Sprintf("heap %.1f MiB, %.0f goroutines, %.0f descriptors, resident %.1f MiB; at most held %.1f MiB and resident %.1f MiB",
		u.heap/mib, u.goroutines, u.descriptors, u.resident/mib, float64(s.held)/mib, float64(s.rss)/mib)
}

// counts is how often each fault was, for the reader.
type counts struct {
	mu       sync.Mutex
	of       map[string]int
	recovery time.Duration // the longest after a restart of the broker
}

func (c *counts) slowest(recovery time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.recovery = max(c.recovery, recovery)
}

func (c *counts) add(what string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = map[string]int{}
	}
	c.of[what]++
}

func (c *counts) total() (n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, k := range c.of {
		n += k
	}
	return n
}

func (c *counts) String() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	line := ""
	for _, k := range slices.Sorted(maps.Keys(c.of)) {
		line += fmt.Sprintf(", %d %s", c.of[k], k)
	}
	return line
}
