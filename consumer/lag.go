package consumer

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// lagEvery is how often the ends of logs are asked for that no fetch tells: of those
// that nothing was fetched of yet, and of those whose fetching is paused or on hold.
const lagEvery = time.Second

// lagLoop keeps the lag true where nothing is fetched, until ctx ends.
func (c *Consumer) lagLoop(ctx context.Context) {
	t := time.NewTicker(lagEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			c.learnEnds(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// learnEnds asks once. A broker that does not answer is asked again with the next.
func (c *Consumer) learnEnds(ctx context.Context) {
	var parts []*partition
	var gens []uint64
	for _, p := range c.partitions() {
		if gen, yes := p.isBlind(); yes {
			parts, gens = append(parts, p), append(gens, gen)
		}
	}
	if len(parts) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	ends, _ := kadm.NewClient(c.client).ListEndOffsets(ctx, topicsOf(parts)...) // of some brokers, if not of all
	for i, p := range parts {
		if o, ok := ends.Lookup(p.topic, p.partition); ok && o.Err == nil {
			p.learnEnd(o.Offset, gens[i])
		}
	}
}

// isBlind reports whether no fetch tells where the log ends, and of which log.
func (p *partition) isBlind() (gen uint64, yes bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.gen, p.life == live && (p.end < 0 || p.state != StateOpen || p.failure != nil)
}

func (p *partition) learnEnd(end int64, gen uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gen == gen {
		p.end = max(p.end, end)
	}
}
