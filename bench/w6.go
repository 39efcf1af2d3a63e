package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"time"

	"github.com/weir-kafka/weir/bench/peers"
	"github.com/weir-kafka/weir/integration/pool"
)

// W6 is a sink whose capacity changes: pipelines with the adaptive limit and with fixed
// ones, each before a service of its own that is like the others', at the same time. A
// service has 16 servers of 40 ms, exponentially distributed: 400 requests a second.

func w6Chapter() chapter {
	return chapter{
		title: "W6: a sink that changes",
		workloads: []workload{
			{"W6-slow", w6Slow},
			{"W6-half", w6Half},
			{"W6-hang", w6Hang},
		},
		gates: []gate{
			{id: "W6-goodput", what: "goodput over that of the best fixed limit", unit: "x", atLeast: 0.90, aim: 0.97},
			{id: "W6-until", what: "time after the change until 90 % of the best fixed limit's", unit: "s", atLeast: 3, aim: 1, less: true},
			{id: "W6-steady", what: "goodput from 3 s after the change over the best fixed limit's", unit: "x"},
			{id: "W6-p99", what: "p99 of the sink from 3 s after the change over unloaded", unit: "x", atLeast: 3, aim: 1.5, less: true},
			{id: "W6-p99-all", what: "the same from the change on", unit: "x"},
		},
	}
}

const (
	w6Servers = 16
	w6Mean    = 40 * time.Millisecond
	// w6Members is how many pipelines have the adaptive limit.
	w6Members  = 4
	w6Warm     = 5 * time.Second
	recovery   = 3 * time.Second // as in integration/steps
	goodEnough = 0.9
)

// phase is a way in which the services behave for a while.
type phase struct {
	name  string
	way   pool.Way
	lasts time.Duration
}

func w6Slow(ctx context.Context, l *lab) ([]result, error) {
	all := pool.Way{Servers: w6Servers}
	return l.w6(ctx, "ten times slower", []phase{
		{"at first", all, 5 * time.Second},
		{"while slow", pool.Way{Servers: w6Servers, Slower: 10}, 20 * time.Second},
		{"afterwards", all, 12 * time.Second},
	})
}

func w6Half(ctx context.Context, l *lab) ([]result, error) {
	all := pool.Way{Servers: w6Servers}
	return l.w6(ctx, "half the servers", []phase{
		{"at first", all, 5 * time.Second},
		{"with half", pool.Way{Servers: w6Servers / 2}, 16 * time.Second},
		{"afterwards", all, 12 * time.Second},
	})
}

func w6Hang(ctx context.Context, l *lab) ([]result, error) {
	all := pool.Way{Servers: w6Servers}
	return l.w6(ctx, "hangs", []phase{
		{"at first", all, 5 * time.Second},
		{"while it hangs", pool.Way{Servers: w6Servers, Frozen: true}, 10 * time.Second},
		{"afterwards", all, 16 * time.Second},
	})
}

// served is a pipeline with what its service served in each phase, and the limit at
// its end.
type served struct {
	limit  string
	served []pool.Counts
	ended  []float64
	c      *child
}

func (l *lab) w6(ctx context.Context, name string, phases []phase) ([]result, error) {
	fixed, adaptive, err := l.w6Members(ctx, phases)
	if err != nil {
		return nil, err
	}
	best := slices.MaxFunc(fixed, func(a, b served) int { return a.goodput() - b.goodput() })
	var over []float64
	for _, m := range adaptive {
		over = append(over, float64(m.goodput())/float64(best.goodput()))
	}
	all := []result{{gate: "W6-goodput", variant: name, interval: medianOf(over), note: sweep(fixed)}}
	for i, ph := range phases {
		if i == 0 || ph.way.Frozen {
			continue
		}
		form := name + ", " + ph.name
		want := rate(best.served[i].Calls, recovery, ph.lasts)
		until := func(m *served) float64 { return m.until(i, ph.lasts, want) }
		after := func(m *served) float64 { return rate(m.served[i].Calls, recovery, ph.lasts) / want }
		steady := func(m *served) float64 { return m.slowed(i, recovery) }
		whole := func(m *served) float64 { return m.slowed(i, 0) }
		all = append(all,
			result{gate: "W6-until", variant: form, interval: eachOf(adaptive, until), note: bestOf(&best, until)},
			result{gate: "W6-steady", variant: form, interval: eachOf(adaptive, after), note: limits(adaptive, i)},
			result{gate: "W6-p99", variant: form, interval: eachOf(adaptive, steady), note: bestOf(&best, steady)},
			result{gate: "W6-p99-all", variant: form, interval: eachOf(adaptive, whole), note: bestOf(&best, whole)})
	}
	return all, nil
}

// w6Members takes pipelines with all limits through the phases.
func (l *lab) w6Members(ctx context.Context, phases []phase) (fixed, adaptive []served, err error) {
	var all []served
	for n := 1; n <= 256; n *= 2 {
		all = append(all, served{limit: "fixed:" + strconv.Itoa(n)})
	}
	fixedOnes := len(all)
	all = append(all, make([]served, w6Members)...)
	s, err := l.source(ctx, 100)
	if err != nil {
		return nil, nil, err
	}
	defer s.end()
	to, err := startServices(serviceSpec{Pools: len(all), Servers: w6Servers, Mean: w6Mean})
	if err != nil {
		return nil, nil, err
	}
	defer to.close()
	for i := range all {
		m := &all[i]
		m.c, err = launch(s.spec("weir", "w6-"+strconv.Itoa(i), map[string]string{"url": to.urls[i], "limit": m.limit}))
		if err != nil {
			return nil, nil, err
		}
		defer m.c.kill()
	}
	for i := range all {
		if err := all[i].c.awaitFirst(ctx); err != nil {
			return nil, nil, err
		}
	}
	if err := peers.Wait(ctx, w6Warm); err != nil {
		return nil, nil, err
	}
	if err := follows(ctx, to, phases, all); err != nil {
		return nil, nil, err
	}
	return all[:fixedOnes], all[fixedOnes:], nil
}

// follows notes what was served in each phase.
func follows(ctx context.Context, to *services, phases []phase, all []served) error {
	if _, err := to.behave(phases[0].way); err != nil {
		return err
	}
	for i, ph := range phases {
		if err := peers.Wait(ctx, ph.lasts); err != nil {
			return err
		}
		for k := range all {
			now, err := all[k].c.look()
			if err != nil {
				return err
			}
			all[k].ended = append(all[k].ended, now.Figures["limit_default"])
		}
		counts, err := to.behave(phases[min(i+1, len(phases)-1)].way)
		if err != nil {
			return err
		}
		for k := range all {
			all[k].served = append(all[k].served, counts[k])
		}
	}
	return nil
}

// goodput is how many calls were served that somebody waited for.
func (m *served) goodput() (n int) {
	for _, c := range m.served {
		n += kept(c.Calls, 0, math.MaxInt64)
	}
	return n
}

func kept(calls []pool.Call, from, to time.Duration) (n int) {
	for _, c := range calls {
		if !c.Gone && c.At >= from && c.At < to {
			n++
		}
	}
	return n
}

func rate(calls []pool.Call, from, to time.Duration) float64 {
	return float64(kept(calls, from, to)) / (to - from).Seconds()
}

// until is the first moment of a phase from which on goodput is good enough, in the
// seconds after that and in all.
func (m *served) until(i int, lasts time.Duration, want float64) float64 {
	calls := m.served[i].Calls
	for t := time.Duration(0); t <= lasts-recovery; t += 100 * time.Millisecond {
		if rate(calls, t, t+recovery) >= goodEnough*want && rate(calls, t, lasts) >= goodEnough*want {
			return t.Seconds()
		}
	}
	return lasts.Seconds()
}

// slowed is the p99 of the calls of a phase over what it would be if none had waited.
func (m *served) slowed(i int, from time.Duration) float64 {
	var took, worked []float64
	for _, c := range m.served[i].Calls {
		if c.At >= from {
			took, worked = append(took, c.Took.Seconds()), append(worked, c.Worked.Seconds())
		}
	}
	return p99(took) / p99(worked)
}

func p99(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	slices.Sort(values)
	return values[len(values)*99/100]
}

func eachOf(ms []served, of func(*served) float64) interval {
	var all []float64
	for i := range ms {
		all = append(all, of(&ms[i]))
	}
	return medianOf(all)
}

func limits(ms []served, i int) string {
	said := "limits at its end:"
	for k := range ms {
		said += " " + strconv.Itoa(int(ms[k].ended[i]))
	}
	return said
}

func bestOf(best *served, of func(*served) float64) string {
	return best.limit + ": " + number(of(best))
}

func sweep(fixed []served) string {
	said := "served by fixed limits:"
	for i := range fixed {
		said += fmt.Sprintf(" %s %d", fixed[i].limit[len("fixed:"):], fixed[i].goodput())
	}
	return said
}
