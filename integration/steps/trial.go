package main

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/integration/pool"
)

// phase is a way in which the sink behaves for a while, and what is asked of the
// pipeline meanwhile.
type phase struct {
	name   string
	way    pool.Way
	lasts  time.Duration
	probes bool // nothing but probes, once the limiter has seen that nothing is served
	// late is how much longer than recovery it may take.
	late time.Duration
}

// plan is phases one after the other, each in seconds.
type plan struct {
	name    string
	servers int
	mean    time.Duration
	phases  []phase
}

const (
	// recovery is after how long goodput must be goodEnough of what the sink can do.
	recovery   = 3 * time.Second
	goodEnough = 0.9
	// noticed is how long a pipeline may take to see an outage: the timeout of a
	// write and a little.
	noticed = 7 * time.Second
	// oneProbe is a call a second.
	oneProbe = time.Second
	// pauseEvery is the least between two pauses of a partition.
	pauseEvery = 10 * time.Second
	partitions = 4
)

func steps(servers int, mean time.Duration) plan {
	all, few := pool.Way{Servers: servers}, pool.Way{Servers: servers / 10}
	return plan{name: "step of ten", servers: servers, mean: mean, phases: []phase{
		{name: "at first", way: all, lasts: 10 * time.Second},
		{name: "a tenth of the servers", way: few, lasts: 15 * time.Second},
		{name: "ten times the servers", way: all, lasts: 15 * time.Second},
	}}
}

func outage(name string, servers int, mean, lasts time.Duration, bad pool.Way) plan {
	all := pool.Way{Servers: servers}
	bad.Servers = servers
	after := phase{name: "afterwards", way: all, lasts: 16 * time.Second}
	if bad.Lost { // that a probe is in vain is known when its time is up, and the last one may just have begun
		after.late = consumer.DefaultSinkConfig().Timeout
	}
	return plan{name: name, servers: servers, mean: mean, phases: []phase{
		{name: "at first", way: all, lasts: 10 * time.Second},
		{name: name, way: bad, lasts: lasts, probes: true},
		after,
	}}
}

// result is what one phase showed.
type result struct {
	plan, phase string
	can         float64 // calls a second
	counts      pool.Counts
	pauses      int64
	wrong       []string
}

func (r result) String() string {
	s := fmt.Sprintf("%-14s %-24s can %5.0f/s  served in each second %v", r.plan, r.phase, r.can, r.counts.Served)
	if r.counts.Early > 0 || r.can == 0 {
		s += fmt.Sprintf("  calls %v, before Retry-After was over %d", r.counts.Begun, r.counts.Early)
	}
	for _, w := range r.wrong {
		s += "\n  MISSED: " + w
	}
	return s
}

// watch takes a pool that a pipeline writes to through a plan.
func (pl plan) watch(ctx context.Context, p *pool.Pool, explain func() consumer.Report, joins func() int64) (results []result) {
	begin := time.Now()
	var joined int64
	for i, ph := range pl.phases {
		p.Behave(ph.way)
		select {
		case <-time.After(ph.lasts):
		case <-ctx.Done():
			return results
		}
		r := result{plan: pl.name, phase: ph.name, can: p.Can(ph.way), counts: p.Behave(ph.way), pauses: explain().Pauses}
		if ph.probes {
			r.can = 0
		}
		r.judge(ph, i == 0, time.Since(begin))
		if i > 0 && joins() != joined {
			r.wrong = append(r.wrong, "the group was joined again")
		}
		joined = joins()
		results = append(results, r)
	}
	return results
}

// judge says what is not as it must be.
func (r *result) judge(ph phase, first bool, since time.Duration) {
	miss := func(format string, args ...any) { r.wrong = append(r.wrong, fmt.Sprintf(format, args...)) }
	seconds := int(ph.lasts / time.Second)
	if ph.probes {
		if calls, most := sum(r.counts.Begun, noticed, seconds), int((ph.lasts-noticed)/oneProbe)+1; calls > most {
			miss("%d calls after the first %s, want at most %d", calls, noticed, most)
		}
		if r.counts.Early > 0 {
			miss("%d calls before Retry-After was over", r.counts.Early)
		}
	} else if !first {
		from := recovery + ph.late
		for _, to := range []time.Duration{from + recovery, ph.lasts} {
			rate := float64(sum(r.counts.Served, from, int(to/time.Second))) / (to - from).Seconds()
			if rate < goodEnough*r.can {
				miss("%.0f a second from %s to %s, want %.1f of %.0f", rate, from, to, goodEnough, r.can)
			}
		}
	}
	if most := int64(partitions) * (int64(since/pauseEvery) + 1); r.pauses > most {
		miss("%d pauses in %s, want at most %d", r.pauses, since, most)
	}
}

// sum adds what was counted in whole seconds.
func sum(counts []int, from time.Duration, to int) (n int) {
	for _, c := range counts[min(int(from/time.Second), len(counts)):min(to, len(counts))] {
		n += c
	}
	return n
}

// records is how many the plan takes, and some more.
func (pl plan) records() int {
	n := 20_000.0
	for _, ph := range pl.phases {
		if !ph.probes {
			n += ph.lasts.Seconds() * float64(ph.way.Servers) / pl.mean.Seconds()
		}
	}
	return int(n)
}

func failed(rs []result) bool {
	return slices.ContainsFunc(rs, func(r result) bool { return len(r.wrong) > 0 })
}
