package consumer

import (
	"errors"
	"fmt"
	"slices"

	"github.com/twmb/franz-go/pkg/kerr"
)

// partition returns the object of a partition that is ours, or nil.
func (c *Consumer) partition(id tp) *partition {
	c.mu.RLock()
	defer c.mu.RUnlock()
	return c.parts[id]
}

// partitions returns all that are ours, in order.
func (c *Consumer) partitions() []*partition {
	c.mu.RLock()
	defer c.mu.RUnlock()
	parts := make([]*partition, 0, len(c.parts))
	for _, p := range c.parts {
		parts = append(parts, p)
	}
	slices.SortFunc(parts, func(a, b *partition) int {
		if a.topic != b.topic {
			if a.topic < b.topic {
				return -1
			}
			return 1
		}
		return int(a.partition - b.partition)
	})
	return parts
}

// pick returns those of m that are ours.
func (c *Consumer) pick(m map[string][]int32) []*partition {
	c.mu.RLock()
	defer c.mu.RUnlock()
	var parts []*partition
	for topic, ps := range m {
		for _, n := range ps {
			if p := c.parts[tp{topic, n}]; p != nil {
				parts = append(parts, p)
			}
		}
	}
	return parts
}

// topicsOf returns the topics of parts, each once. Those of one topic follow each other.
func topicsOf(parts []*partition) (topics []string) {
	for _, p := range parts {
		topics = append(topics, p.topic)
	}
	return slices.Compact(topics)
}

// forget takes parts out of the table, unless newer objects stand there.
func (c *Consumer) forget(parts []*partition) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range parts {
		if c.parts[p.tp] == p {
			delete(c.parts, p.tp)
		}
	}
}

func names(m map[string][]int32) []string {
	var out []string
	for topic, ps := range m {
		for _, n := range ps {
			out = append(out, fmt.Sprintf("%s/%d", topic, n))
		}
	}
	slices.Sort(out)
	return out
}

// isFenced reports whether the coordinator said that this member is not of the
// group any more. STALE_MEMBER_EPOCH does not: the next heartbeat brings the epoch.
func isFenced(err error) bool {
	return isAny(err, kerr.UnknownMemberID, kerr.IllegalGeneration, kerr.FencedMemberEpoch, kerr.FencedInstanceID)
}

// isGone reports whether the topic of a commit does not exist any more.
func isGone(err error) bool { return isAny(err, kerr.UnknownTopicID, kerr.UnknownTopicOrPartition) }

func isAny(err error, of ...error) bool {
	for _, e := range of {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
