package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/weir-kafka/weir/bench/peers"
	"github.com/weir-kafka/weir/integration/pool"
)

// W6m is memory and what is fetched for nothing, before a sink that hangs or is slow,
// with a lag that never ends: as a library in a program of one's own, and as weir run,
// which tells the runtime how much there may be.

// budget is a memory budget with the bounds of the process that has it.
type budget struct {
	text string
	mib  float64
}

func budgets() []budget { return []budget{{"64MiB", 64}, {"256MiB", 256}} }

func (b *budget) gate() gate {
	return gate{
		id: "W6m-rss-" + b.text, what: "resident with a budget of " + b.text + ", the sink hung: 1.15 of it and 64 MiB", unit: "MiB",
		atLeast: 1.15*b.mib + 64, aim: 1.05*b.mib + 32, less: true, count: true,
	}
}

func w6mChapter() chapter {
	c := chapter{
		title:     "W6m: memory, and what is fetched for nothing",
		workloads: []workload{{"W6m-hung", w6mHung}, {"W6m-fetched", w6mFetched}},
		gates: []gate{
			{id: "W6m-held", what: "most bytes held over budget", unit: "x", atLeast: 1, aim: 1, less: true, count: true},
			{id: "W6m-rss-free", what: "the same of a program that tells the runtime nothing", unit: "MiB"},
			{id: "W6m-fetched", what: "bytes fetched over delivered, pauses included", unit: "x", atLeast: 1.10, aim: 1.02, less: true, count: true},
		},
	}
	for _, b := range budgets() {
		c.gates = append(c.gates, b.gate())
	}
	return c
}

// hung is a process before a sink that hangs.
type hung struct {
	budget
	form string
	gate string
	c    *child
	held func() (most, budget float64, err error)
	rss  []float64 // while it hung
}

const (
	hungFor   = 12 * time.Second
	hungWarm  = 3 * time.Second
	hungLooks = 200 * time.Millisecond
)

func w6mHung(ctx context.Context, l *lab) ([]result, error) {
	weir, err := buildWeir(ctx)
	if err != nil {
		return nil, err
	}
	defer weir.remove()
	var all []result
	for _, size := range []int{100, 1000} {
		rs, err := l.w6mHung(ctx, weir, size)
		if err != nil {
			return all, err
		}
		all = append(all, rs...)
	}
	return all, nil
}

func (l *lab) w6mHung(ctx context.Context, weir *command, size int) ([]result, error) {
	s, err := l.source(ctx, size)
	if err != nil {
		return nil, err
	}
	defer s.end()
	to, err := l.sinkBroker()
	if err != nil {
		return nil, err
	}
	defer to.close()
	var all []*hung
	for _, b := range budgets() {
		for _, limited := range []bool{false, true} {
			lib, err := library(ctx, s, b, limited, to)
			if err != nil {
				return nil, err
			}
			defer lib.c.kill()
			all = append(all, lib)
		}
		run, err := weir.hung(ctx, s, b, to)
		if err != nil {
			return nil, err
		}
		defer run.c.kill()
		all = append(all, run)
	}
	if err := peers.Wait(ctx, hungWarm); err != nil {
		return nil, err
	}
	if err := to.freeze(); err != nil {
		return nil, err
	}
	return watchHung(ctx, all, size)
}

// sinkBroker is a broker that keeps nothing of what is produced to its topic, and that
// can be frozen without harm to the one that is consumed from.
type sinkBroker struct {
	*child
	address []string
}

const intoTopic = "into"

func (l *lab) sinkBroker() (*sinkBroker, error) {
	c, address, err := serving("broker", "-serve", brokerSpec{Topic: "nothing", Partitions: partitions, Into: intoTopic})
	return &sinkBroker{c, address}, err
}

// library is a program of one's own that says to the runtime how much there may be,
// as package consumer advises, or not.
func library(ctx context.Context, s *source, b budget, limited bool, to *sinkBroker) (*hung, error) {
	h := &hung{budget: b, form: "library", gate: "W6m-rss-free"}
	if limited {
		h.form, h.gate = "library, GOMEMLIMIT", b.gate().id
	}
	spec := s.spec("weir", h.form+b.text, map[string]string{"into": intoTopic, "into_brokers": strings.Join(to.address, ","), "memory": b.text})
	if limited {
		spec.MemoryLimit = int64((b.mib*1.05 + 48) * (1 << 20))
	}
	var err error
	h.c, err = startSubject(ctx, spec)
	h.held = func() (most, budget float64, err error) {
		m, err := h.c.look()
		return m.Figures["held_most"], m.Figures["budget"], err
	}
	return h, err
}

func (b *command) hung(ctx context.Context, s *source, of budget, to *sinkBroker) (*hung, error) {
	sink := fmt.Sprintf("{kafka: {brokers: [%s], topic: %s}}", strings.Join(to.address, ", "), intoTopic)
	r, err := b.run(s, "run-"+of.text, sink, of.text)
	if err != nil {
		return nil, err
	}
	if err := r.awaitDone(ctx); err != nil {
		r.kill()
		return nil, err
	}
	return &hung{budget: of, form: "weir run", gate: of.gate().id, c: r.child, held: func() (most, budget float64, err error) {
		e, err := r.explain(ctx)
		return e.Totals.MaxHeld, e.Budget, err
	}}, nil
}

func watchHung(ctx context.Context, all []*hung, size int) ([]result, error) {
	for begun := time.Now(); time.Since(begun) < hungFor; {
		if err := peers.Wait(ctx, hungLooks); err != nil {
			return nil, err
		}
		for _, h := range all {
			rss, err := h.c.resident("VmRSS")
			if err != nil {
				return nil, err
			}
			h.rss = append(h.rss, rss/(1<<20))
		}
	}
	var rs []result
	for _, h := range all {
		most, budget, err := h.held()
		if err != nil {
			return nil, err
		}
		peak, err := h.c.resident("VmHWM")
		if err != nil {
			return nil, err
		}
		form := fmt.Sprintf("%s, %s, %d B", h.form, h.text, size)
		rs = append(rs,
			result{gate: "W6m-held", variant: form, interval: medianOf([]float64{most / budget})},
			result{gate: h.gate, variant: form, interval: mostOf(h.rss), note: fmt.Sprintf("the most ever %.0f MiB", peak/(1<<20))})
	}
	return rs, nil
}

// mostOf is the largest value, with the median below it.
func mostOf(values []float64) interval {
	m := medianOf(values)
	for _, v := range values {
		m.high = max(m.high, v)
	}
	return interval{m.high, m.median, m.high, m.n}
}

func w6mFetched(ctx context.Context, l *lab) ([]result, error) {
	const size, times = 1000, 4
	s, err := l.source(ctx, size)
	if err != nil {
		return nil, err
	}
	defer s.end()
	way := pool.Way{Servers: 16}
	to, err := startServices(serviceSpec{Pools: 1, Servers: way.Servers, Mean: 10 * time.Millisecond})
	if err != nil {
		return nil, err
	}
	defer to.close()
	wire := float64(len(recordBatch(size, 0, keySpec{}))) / float64(cannedRecords(size, 0))
	var all []result
	for _, f := range []struct {
		form, group string
		set         map[string]string
	}{
		{"hangs 6 s of 10 s", "pulse", map[string]string{"pulse": "4s/10s"}},
		{"1.6 MB/s over HTTP", "slow", map[string]string{"url": to.urls[0]}},
	} {
		f.set["memory"], f.set["ahead"] = "64MiB", "count"
		r, err := fetchedOver(ctx, s.spec("weir", f.group, f.set), wire, times)
		if err != nil {
			return all, err
		}
		r.variant = f.form
		all = append(all, r)
	}
	return all, nil
}

// fetchedOver compares what came over the wire with what was delivered, for so many
// times of 10 s. What is on its way at the end and was not at the beginning is no waste.
func fetchedOver(ctx context.Context, spec peers.Spec, wire float64, times int) (result, error) {
	c, err := startSubject(ctx, spec)
	if err != nil {
		return result{}, err
	}
	defer c.kill()
	const cycle = 10 * time.Second
	over := func(from, to moment) float64 {
		of := between(from, to).figures
		return of["fetched"] / wire / (float64(to.Records-from.Records) + of["held"] + of["ahead"])
	}
	var each []float64
	var all []moment
	for range times + 1 {
		if err := peers.Wait(ctx, cycle); err != nil { // the first one fills the memory
			return result{}, err
		}
		now, err := c.look()
		if err != nil {
			return result{}, err
		}
		if all = append(all, now); len(all) > 1 {
			if one := over(all[len(all)-2], now); !math.IsNaN(one) { // nothing at all was fetched
				each = append(each, one)
			}
		}
	}
	sum := over(all[0], all[times])
	each = append(each, sum)
	total := between(all[0], all[times])
	return result{
		gate: "W6m-fetched", interval: interval{sum, slices.Min(each), slices.Max(each), times},
		note: fmt.Sprintf("of all the time, with the span of pieces of 10 s; %.0f pauses of a partition, %d records delivered",
			total.figures["pauses"], all[times].Records-all[0].Records),
	}, nil
}
