package consumer

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// startPatience is how long the start of partitions is asked for. What nobody can say
// by then, such as that of a partition without a leader, is left to the client, so that
// it does not hold up the others that were assigned with it.
const startPatience = 5 * time.Second

// begins decides where partitions start of which the group has no commit, and commits
// that before their first record is fetched. So it is decided once for the group:
// latest skips nothing that is written after that, whoever owns them then. The client
// calls it after fetched.
func (c *Consumer) begins(ctx context.Context, offsets map[string]map[int32]kgo.Offset) (map[string]map[int32]kgo.Offset, error) {
	var fresh []*partition
	for topic, ps := range offsets {
		for n := range ps {
			if p := c.partition(tp{topic, n}); p != nil && !p.hasCommit() {
				fresh = append(fresh, p)
			}
		}
	}
	asking, cancel := context.WithTimeout(ctx, startPatience)
	defer cancel()
	c.learnTopics(asking)
	if len(fresh) == 0 {
		return offsets, nil
	}
	left := fresh
	for left = c.starts(asking, left, offsets); len(left) > 0 && asking.Err() == nil; left = c.starts(asking, left, offsets) {
		pause(asking, 250*time.Millisecond)
	}
	if len(left) > 0 {
		c.log.Warn("nobody says where partitions start; the client goes on asking, and a restart before their first commit decides anew",
			"partitions", len(left))
	}
	if err := c.commit(ctx, fresh); err != nil { // the next one does it
		c.log.Info("the start of partitions is not committed yet", "err", err)
	}
	return offsets, nil
}

func (p *partition) hasCommit() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.committed >= 0
}

// learnTopics notes which partitions there are before the first of them is consumed:
// those that come later have no past that latest would skip. It is needed for nothing else.
func (c *Consumer) learnTopics(ctx context.Context) {
	if c.cfg.Kafka.Start != "latest" || c.known != nil {
		return
	}
	for c.known == nil && ctx.Err() == nil {
		topics, err := kadm.NewClient(c.client).ListTopics(ctx, c.cfg.Kafka.Topics...)
		if err != nil {
			pause(ctx, 250*time.Millisecond)
			continue
		}
		c.known = make(map[string]int32, len(topics))
		for name, t := range topics {
			c.known[name] = int32(len(t.Partitions))
		}
	}
}

// later reports whether a partition was added while this consumer ran.
func (c *Consumer) later(p *partition) bool { return c.known != nil && p.partition >= c.known[p.topic] }

// starts asks where parts start and returns those for which there is no answer.
func (c *Consumer) starts(ctx context.Context, parts []*partition, offsets map[string]map[int32]kgo.Offset) (left []*partition) {
	adm := kadm.NewClient(c.client)
	list, topics := adm.ListStartOffsets, topicsOf(parts)
	begin, err := list(ctx, topics...)
	if err != nil {
		return parts
	}
	first := begin
	switch k := c.cfg.Kafka.Start; k {
	case "", "earliest":
	case "latest": // what an open transaction has written is not read yet, so it is still to come
		first, err = adm.ListCommittedOffsets(ctx, topics...)
	default:
		var t time.Time
		if t, err = time.Parse(time.RFC3339, k); err == nil {
			first, err = adm.ListOffsetsAfterMilli(ctx, t.UnixMilli(), topics...)
		}
	}
	if err != nil {
		return parts
	}
	for _, p := range parts {
		from := first
		if c.later(p) {
			from = begin
		}
		o, ok := from.Lookup(p.topic, p.partition)
		if !ok || o.Err != nil || o.Offset < 0 {
			left = append(left, p)
			continue
		}
		p.mu.Lock()
		p.begin = o.Offset
		p.mu.Unlock()
		offsets[p.topic][p.partition] = kgo.NewOffset().At(o.Offset)
	}
	return left
}

func topicsOf(parts []*partition) (topics []string) {
	seen := make(map[string]bool)
	for _, p := range parts {
		if !seen[p.topic] {
			seen[p.topic] = true
			topics = append(topics, p.topic)
		}
	}
	return topics
}
