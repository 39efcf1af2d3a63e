package consumer

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
)

// lagEvery is how often the ends of partitions are asked for that no fetch tells: those
// that nothing was fetched of yet, and those whose fetching is paused or on hold.
const lagEvery = time.Second

// endLoop keeps the lag true where nothing is fetched, until ctx ends.
func (c *Consumer) endLoop(ctx context.Context) {
	t := time.NewTicker(lagEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			c.learnEnds(ctx)
			c.payOff(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// learnEnds asks for what is not known. A broker that does not answer is asked again.
func (c *Consumer) learnEnds(ctx context.Context) {
	var parts []*partition
	gens := make(map[*partition]uint64)
	for _, p := range c.partitions() {
		if gen, yes := p.blind(); yes {
			parts = append(parts, p)
			gens[p] = gen
		}
	}
	if len(parts) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	starts, ends, err := c.logEnds(ctx, topicsOf(parts)...)
	if err != nil {
		return
	}
	for _, p := range parts {
		if o, ok := starts.Lookup(p.topic, p.partition); ok && o.Err == nil {
			c.noteDeleted(p, o.Offset) // of an empty log no fetch tells either
		}
		if o, ok := ends.Lookup(p.topic, p.partition); ok && o.Err == nil {
			p.learnEnd(o.Offset, gens[p])
		}
	}
}

// blind reports whether no fetch tells the end of the log.
func (p *partition) blind() (gen uint64, yes bool) {
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

// logEnds asks for the first offset of each partition of the topics, and for the one
// behind its last.
func (c *Consumer) logEnds(ctx context.Context, topics ...string) (starts, ends kadm.ListedOffsets, err error) {
	adm := kadm.NewClient(c.client)
	if starts, err = adm.ListStartOffsets(ctx, topics...); err != nil {
		return nil, nil, fmt.Errorf("asking for the starts of %s: %w", strings.Join(topics, ", "), err)
	}
	if ends, err = adm.ListEndOffsets(ctx, topics...); err != nil {
		return nil, nil, fmt.Errorf("asking for the ends of %s: %w", strings.Join(topics, ", "), err)
	}
	return starts, ends, nil
}
