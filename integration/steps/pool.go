package main

import (
	"context"
	"math/rand/v2"
	"sync"
	"time"
)

// pool is a side of some servers, each with one call at a time for a random time.
// What it is given beyond waits its turn. A call whose caller has given up is
// worked at all the same, as a real server does.
type pool struct {
	mean time.Duration

	mu      sync.Mutex
	rand    *rand.Rand
	way     way
	busy    int
	waiting []chan struct{}
	changed chan struct{} // closed, and made anew, with each way
	since   time.Time     // the way was changed
	refused time.Time     // the last call, then
	asked   time.Time     // and no other before, as it said
	counts  counts
}

// way is how a pool behaves for a while.
type way struct {
	servers int
	frozen  bool          // nothing begins and nothing ends
	lost    bool          // what is called is never answered, not afterwards either
	refuse  time.Duration // the Retry-After with which it refuses everything
}

// transit is how long a refusal may be on its way: calls that began meanwhile are
// not to blame.
const transit = 50 * time.Millisecond

// counts are of one way.
type counts struct {
	served []int // calls in each second
	begun  []int
	early  int // calls that began before Retry-After was over
}

func newPool(servers int, mean time.Duration) *pool {
	return &pool{
		mean: mean, rand: rand.New(rand.NewPCG(7, 1)), way: way{servers: servers}, //nolint:gosec // the same each time
		changed: make(chan struct{}), since: time.Now(),
	}
}

// call works at one call. It returns the Retry-After of a refusal, or ctx's error.
func (p *pool) call(ctx context.Context) (retryAfter time.Duration, err error) {
	done, refused := p.enter()
	if refused > 0 {
		return refused, nil
	}
	select {
	case <-done:
		return 0, nil
	case <-ctx.Done():
		return 0, ctx.Err()
	}
}

func (p *pool) enter() (done chan struct{}, refused time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.counts.begun = inSecond(p.counts.begun, now.Sub(p.since))
	if now.Before(p.asked) && now.Sub(p.refused) > transit {
		p.counts.early++
	}
	if p.way.refuse > 0 {
		p.refused, p.asked = now, now.Add(p.way.refuse)
		return nil, p.way.refuse
	}
	done = make(chan struct{})
	if !p.way.lost {
		p.waiting = append(p.waiting, done)
		p.pump()
	}
	return done, 0
}

// inSecond counts one in the second of after.
func inSecond(counts []int, after time.Duration) []int {
	k := int(after / time.Second)
	for len(counts) <= k {
		counts = append(counts, 0)
	}
	counts[k]++
	return counts
}

// pump gives work to servers that have none.
func (p *pool) pump() {
	for !p.way.frozen && p.busy < p.way.servers && len(p.waiting) > 0 {
		done := p.waiting[0]
		p.waiting = p.waiting[1:]
		p.busy++
		time.AfterFunc(time.Duration(p.rand.ExpFloat64()*float64(p.mean)), func() { p.finish(done) })
	}
}

func (p *pool) finish(done chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.way.frozen {
		changed := p.changed
		p.mu.Unlock()
		<-changed
		p.mu.Lock()
	}
	p.counts.served = inSecond(p.counts.served, time.Since(p.since))
	p.busy--
	close(done)
	p.pump()
}

// behave changes the way and returns the counts of the last one.
func (p *pool) behave(w way) counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.counts
	p.way, p.since, p.counts = w, time.Now(), counts{}
	close(p.changed)
	p.changed = make(chan struct{})
	p.pump()
	return was
}

// can is how many calls a second it serves when it has enough of them.
func (p *pool) can(w way) float64 { return float64(w.servers) / p.mean.Seconds() }
