package consumer

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// startPatience is how long it is asked where partitions start. What nobody can say by
// then, such as of one without a leader, is left to the client: the others that were
// assigned with it wait.
const startPatience = 5 * time.Second

// begins decides where partitions start of which the group has no commit, and commits
// that before their first record is fetched. So it is decided once: latest skips nothing
// that is written after that, whoever owns the partition by then. A commit that is
// refused is sent again with the next. The client calls this after fetched.
func (c *Consumer) begins(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	var fresh []*partition
	for topic, ps := range offsets {
		for n := range ps {
			if p := c.partition(tp{topic, n}); p != nil && p.isFresh() {
				fresh = append(fresh, p)
			}
		}
	}
	if len(fresh) == 0 {
		return offsets, nil
	}
	asking, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	left := c.findStarts(asking, fresh)
	for ; len(left) > 0 && asking.Err() == nil; left = c.findStarts(asking, left) {
		pause(asking, refusedDelay)
	}
	if len(left) > 0 {
		c.log.Warn("nobody says where partitions start; the client finds out, and a restart before their first commit decides anew",
			"partitions", len(left))
	}
	for _, p := range fresh {
		if at := p.start(); at >= 0 {
			offsets[p.topic][p.partition] = kgo.NewOffset().At(at)
		}
	}
	if err := c.commit(ctx, fresh); err != nil {
		c.log.Info("where partitions start is not committed yet", "err", err)
	}
	return offsets, nil
}

// isFresh reports whether the group has no commit of the partition.
func (p *partition) isFresh() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.committed < 0
}

// startsAt notes where the partition starts, unless that is known: the client begins anew
// with a fetch of offsets that was cut short, and by then the first answer may be committed.
func (p *partition) startsAt(at int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.begin < 0 {
		p.begin = at
	}
}

// start returns where the partition starts, -1 for unknown.
func (p *partition) start() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.begin
}

// findStarts asks where parts start and returns those for which there is no answer.
func (c *Consumer) findStarts(ctx context.Context, parts []*partition) (left []*partition) {
	listed := c.listStarts(ctx, topicsOf(parts))
	for _, p := range parts {
		if o, ok := listed.Lookup(p.topic, p.partition); ok && o.Err == nil {
			p.startsAt(o.Offset)
		} else {
			left = append(left, p)
		}
	}
	return left
}

// listStarts asks for the offsets that kafka.start stands for. Some brokers may answer
// and others not, so what there is counts.
func (c *Consumer) listStarts(ctx context.Context, topics []string) (listed kadm.ListedOffsets) {
	adm := kadm.NewClient(c.client)
	switch c.cfg.Kafka.Start {
	case "", "earliest":
		listed, _ = adm.ListStartOffsets(ctx, topics...)
	case "latest": // what an open transaction has written is still to come
		listed, _ = adm.ListCommittedOffsets(ctx, topics...)
	default:
		if t, err := time.Parse(time.RFC3339, c.cfg.Kafka.Start); err == nil {
			listed, _ = adm.ListOffsetsAfterMilli(ctx, t.UnixMilli(), topics...)
		}
	}
	return listed
}
