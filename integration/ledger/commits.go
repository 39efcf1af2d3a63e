package ledger

import (
	"sync"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// Commits taps the commits of a broker.
type Commits struct {
	log   *Log
	topic func(id [16]byte) string

	mu        sync.Mutex
	instances map[string]int // by member
	waiting   map[commitKey][]int64
}

// commitKey is what a commit and its answer have in common.
type commitKey struct {
	member string
	Partition
	offset int64
}

// NewCommits returns a tap. topic names a topic that a request knows by its id.
func NewCommits(l *Log, topic func(id [16]byte) string) *Commits {
	return &Commits{log: l, topic: topic, instances: make(map[string]int), waiting: make(map[commitKey][]int64)}
}

// Member says which instance a member of the group is.
func (c *Commits) Member(member string, instance int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.instances[member] = instance
}

// Received notes a commit before the broker acts on it. It is made for
// kfake.Cluster.ControlKey, whose function ends with "return nil, nil, false"
// after it.
func (c *Commits) Received(req *kmsg.OffsetCommitRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.each(req, func(k commitKey) {
		id := c.log.ID()
		c.waiting[k] = append(c.waiting[k], id)
		c.log.Add(Event{
			Kind: Commit, ID: id, Instance: c.instances[k.member], Member: k.member, Partition: k.Partition, Offset: k.offset,
		})
	})
}

// Answered notes what the broker said. A commit without an answer may have been
// applied or not.
func (c *Commits) Answered(req *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse) {
	codes := make(map[Partition]int16)
	for i := range resp.Topics {
		t := &resp.Topics[i]
		for _, p := range t.Partitions {
			codes[Partition{c.name(t.Topic, t.TopicID), p.Partition}] = p.ErrorCode
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.each(req, func(k commitKey) {
		ids := c.waiting[k]
		code, ok := codes[k.Partition]
		if len(ids) == 0 || !ok {
			return
		}
		c.waiting[k] = ids[1:]
		e := Event{Kind: Answer, ID: ids[0], Instance: c.instances[k.member], Partition: k.Partition, Offset: k.offset}
		if err := kerr.TypedErrorForCode(code); err != nil {
			e.Code = err.Message
		}
		c.log.Add(e)
	})
}

// Gone forgets a request whose answer nobody will see.
func (c *Commits) Gone(req *kmsg.OffsetCommitRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.each(req, func(k commitKey) {
		if ids := c.waiting[k]; len(ids) > 0 {
			c.waiting[k] = ids[1:]
		}
	})
}

func (c *Commits) each(req *kmsg.OffsetCommitRequest, f func(commitKey)) {
	for i := range req.Topics {
		t := &req.Topics[i]
		for _, p := range t.Partitions {
			f(commitKey{req.MemberID, Partition{c.name(t.Topic, t.TopicID), p.Partition}, p.Offset})
		}
	}
}

func (c *Commits) name(topic string, id [16]byte) string {
	if topic != "" {
		return topic
	}
	return c.topic(id)
}
