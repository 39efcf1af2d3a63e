package consumer

import (
	"context"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// owed is a partition that is not ours any more, and whose effects its next owner
// repeats because they were not committed. It stays in the count of what is repeated
// until the group has committed beyond them.
type owed struct {
	p     *partition
	until time.Time
}

// mostOwed bounds how long a partition is owed that nobody consumes any more.
const mostOwed = time.Hour

// owe keeps a partition that is given back in the count. Under mu.
func (c *Consumer) owe(p *partition) {
	now := c.now()
	c.owed = slices.DeleteFunc(c.owed, func(o owed) bool { return o.p == p || now.After(o.until) })
	if p.owes() > 0 {
		c.owed = append(c.owed, owed{p, now.Add(mostOwed)})
	}
}

// payOff asks what the group has committed since, and forgets what that covers.
func (c *Consumer) payOff(ctx context.Context) {
	c.mu.RLock()
	owing := len(c.owed)
	c.mu.RUnlock()
	if owing == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	offsets, err := kadm.NewClient(c.client).FetchOffsets(ctx, c.cfg.Kafka.Group)
	if err != nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.owed = slices.DeleteFunc(c.owed, func(o owed) bool {
		at, ok := offsets.Lookup(o.p.topic, o.p.partition)
		return ok && at.Err == nil && o.p.covered(at.At)
	})
}

// covered reports whether all that was dispatched lies before a commit, and no call is
// in flight that could have its effect yet.
func (p *partition) covered(commit int64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	last, _, ok := p.tracker.Last()
	return p.active == 0 && (!ok || last < commit)
}

// repeats is how many records a kill at this moment would repeat at most.
func (p *partition) repeats() int64 { return p.uncommitted + p.exposed + p.stray + p.active }

func (p *partition) owes() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.repeats()
}

// repeatedIfKilled bounds what a kill at this moment would repeat, unlike the figure of
// Explain, which holds for a kill within a commit interval. It is raised before the effects.
func (c *Consumer) repeatedIfKilled() (n int64) {
	c.mu.RLock()
	defer c.mu.RUnlock() // what is given back moves to owed under it
	for _, p := range c.parts {
		n += p.owes()
	}
	for _, o := range c.owed {
		n += o.p.owes()
	}
	return n
}
