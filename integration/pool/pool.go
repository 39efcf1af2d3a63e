// Package pool is the side of some servers behind a sink: what it can do is known, and
// it becomes slower, hangs, loses calls or refuses them when it is told to. It works the
// same in real and in virtual time.
package pool

import (
	"context"
	"math/rand/v2"
	"net/http"
	"strconv"
	"sync"
	"time"
)

// Pool is some servers, each with one call at a time for a random time. What it is
// given beyond waits its turn. A call whose caller has given up is worked at all the
// same, as a real server does.
type Pool struct {
	mean time.Duration

	mu      sync.Mutex
	rand    *rand.Rand
	way     Way
	busy    int
	waiting []*call
	changed chan struct{} // closed, and made anew, with each way
	since   time.Time     // the way was changed
	refused time.Time     // the last call, then
	asked   time.Time     // and no other before, as it said
	counts  Counts
}

// Way is how a pool behaves for a while.
type Way struct {
	Servers int
	Slower  float64       // how many times as long a call takes; 0 is once
	Frozen  bool          // nothing begins and nothing ends
	Lost    bool          // what is called is never answered, not afterwards either
	Refuse  time.Duration // the Retry-After with which it refuses everything
}

// transit is how long a refusal may be on its way: calls that began meanwhile are
// not to blame.
const transit = 50 * time.Millisecond

// Counts are of one way.
type Counts struct {
	Served []int // calls in each second, those that nobody waits for included
	Begun  []int
	Early  int // calls that began before Retry-After was over
	Calls  []Call
}

// Call is one that was served.
type Call struct {
	At     time.Duration // since the way was changed
	Took   time.Duration // since it came
	Worked time.Duration // without the time in which it waited for a server
	Gone   bool          // nobody waited for it any more
}

type call struct {
	done  chan struct{}
	came  time.Time
	takes time.Duration
	gone  bool
}

// New returns a pool whose calls take so long in the mean, exponentially distributed.
// The times are the same for each pool.
func New(servers int, mean time.Duration) *Pool {
	return &Pool{
		mean: mean, rand: rand.New(rand.NewPCG(7, 1)), way: Way{Servers: servers}, //nolint:gosec // the same each time
		changed: make(chan struct{}), since: time.Now(),
	}
}

// Call works at one call. It returns the Retry-After of a refusal, or ctx's error.
func (p *Pool) Call(ctx context.Context) (retryAfter time.Duration, err error) {
	c, refused := p.enter()
	if refused > 0 {
		return refused, nil
	}
	select {
	case <-c.done:
		return 0, nil
	case <-ctx.Done():
		p.leave(c)
		return 0, ctx.Err()
	}
}

// ServeHTTP implements [http.Handler]: a request is a call, and a refusal a 503.
func (p *Pool) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if after, _ := p.Call(r.Context()); after > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(int(after.Seconds())))
		w.WriteHeader(http.StatusServiceUnavailable)
	}
}

func (p *Pool) enter() (c *call, refused time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	p.counts.Begun = inSecond(p.counts.Begun, now.Sub(p.since))
	if now.Before(p.asked) && now.Sub(p.refused) > transit {
		p.counts.Early++
	}
	if p.way.Refuse > 0 {
		p.refused, p.asked = now, now.Add(p.way.Refuse)
		return nil, p.way.Refuse
	}
	c = &call{done: make(chan struct{}), came: now}
	if !p.way.Lost {
		p.waiting = append(p.waiting, c)
		p.pump()
	}
	return c, 0
}

func (p *Pool) leave(c *call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	c.gone = true
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
func (p *Pool) pump() {
	for !p.way.Frozen && p.busy < p.way.Servers && len(p.waiting) > 0 {
		c := p.waiting[0]
		p.waiting = p.waiting[1:]
		p.busy++
		c.takes = time.Duration(p.rand.ExpFloat64() * float64(p.takes(p.way)))
		time.AfterFunc(c.takes, func() { p.finish(c) })
	}
}

func (p *Pool) takes(w Way) time.Duration {
	if w.Slower == 0 {
		return p.mean
	}
	return time.Duration(float64(p.mean) * w.Slower)
}

func (p *Pool) finish(c *call) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for p.way.Frozen {
		changed := p.changed
		p.mu.Unlock()
		<-changed
		p.mu.Lock()
	}
	now := time.Now()
	p.counts.Served = inSecond(p.counts.Served, now.Sub(p.since))
	p.counts.Calls = append(p.counts.Calls, Call{At: now.Sub(p.since), Took: now.Sub(c.came), Worked: c.takes, Gone: c.gone})
	p.busy--
	close(c.done)
	p.pump()
}

// Behave changes the way and returns the counts of the last one. A call at work ends
// as it began.
func (p *Pool) Behave(w Way) Counts {
	p.mu.Lock()
	defer p.mu.Unlock()
	was := p.counts
	p.way, p.since, p.counts = w, time.Now(), Counts{}
	close(p.changed)
	p.changed = make(chan struct{})
	p.pump()
	return was
}

// Can is how many calls a second it serves when it has enough of them.
func (p *Pool) Can(w Way) float64 { return float64(w.Servers) / p.takes(w).Seconds() }
