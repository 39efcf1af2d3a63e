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
	series map[string][]point // of the member that lives throughout, by gauge
	held   int64              // the most
	rss    int64              // the most
	failed int
}

func newSampler(log *ledger.Log, file io.Writer) *sampler {
	return &sampler{log: log, file: file, series: map[string][]point{}}
}

// follow samples m until ctx ends; keep says that its figures make the slopes.
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
	figures, err := m.Metrics(ctx)
	if err != nil {
		return err
	}
	r, err := m.Explain(ctx)
	if err != nil {
		return err
	}
	fds, err := m.Descriptors()
	if err != nil {
		return err
	}
	values := map[string]float64{"descriptors": float64(fds)}
	for gauge, metric := range map[string]string{
		"heap": "go_gc_heap_live_bytes", "goroutines": "go_goroutines", "resident": "process_resident_memory_bytes",
	} {
		v, ok := figures[metric]
		if !ok {
			return fmt.Errorf("no %s among the metrics", metric)
		}
		values[gauge] = v
	}
	rss := int64(values["resident"])
	s.log.Add(ledger.Event{Kind: ledger.Sampled, Instance: m.N, Sample: &ledger.Sample{
		HeldBytes: max(r.Totals.MaxHeld, int64(figures["weir_poll_held_bytes"])), Budget: r.BudgetBytes, RSS: rss,
	}})
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held, s.rss = max(s.held, r.Totals.MaxHeld), max(s.rss, rss)
	_, _ = fmt.Fprintf(s.file, "%d %.1f %.0f %.0f %.0f %d %d %d\n", m.N, at.Seconds(), values["heap"], values["resident"], values["goroutines"], fds, r.HeldBytes, len(r.Partitions))
	if keep {
		for gauge, v := range values {
			s.series[gauge] = append(s.series[gauge], point{at, v})
		}
	}
	return nil
}

// fits fits what was kept until now.
func (s *sampler) fits() (fs []fit) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, g := range gauges() {
		fs = append(fs, g.fit(s.series[g.name]))
	}
	return fs
}

// String is the last figures.
func (s *sampler) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	line := ""
	for _, g := range gauges() {
		if ps := s.series[g.name]; len(ps) > 0 {
			line += fmt.Sprintf("%s %s, ", g.name, fit{gauge: g}.plain(ps[len(ps)-1].value))
		}
	}
	return line + fmt.Sprintf("at most held %.1f MiB and resident %.1f MiB", float64(s.held)/(1<<20), float64(s.rss)/(1<<20))
}

// counts is how often each fault was, for the reader.
type counts struct {
	mu sync.Mutex
	of map[string]int
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
