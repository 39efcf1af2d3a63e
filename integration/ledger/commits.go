package ledger

import (
	"slices"
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
	waiting   map[commitKey][]waitingCommit
}

// waitingCommit is a commit without an answer.
type waitingCommit struct {
	req *kmsg.OffsetCommitRequest // as it arrived, nil when nobody said so
	id  int64                     // of its event, 0 before
}

// commitKey is what a commit and its answer have in common.
type commitKey struct {
	member string
	Partition
	offset int64
}

// NewCommits returns a tap. topic names a topic that a request knows by its id.
func NewCommits(l *Log, topic func(id [16]byte) string) *Commits {
	return &Commits{log: l, topic: topic, instances: make(map[string]int), waiting: make(map[commitKey][]waitingCommit)}
}

// Member says which instance a member of the group is.
func (c *Commits) Member(member string, instance int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.instances[member] = instance
}

// Arrived says that a request is on its way to the broker. It is for those that
// see connections: the same commit can be made again on another before the first
// is answered, and each answer belongs to its own. Answered and Gone must be given
// the same pointer then.
func (c *Commits) Arrived(req *kmsg.OffsetCommitRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.each(req, func(k commitKey) { c.waiting[k] = append(c.waiting[k], waitingCommit{req: req}) })
}

// Received notes a commit before the broker acts on it. It is made for
// kfake.Cluster.ControlKey, whose function ends with "return nil, nil, false"
// after it.
func (c *Commits) Received(req *kmsg.OffsetCommitRequest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.each(req, func(k commitKey) {
		id := c.log.ID()
		i := slices.IndexFunc(c.waiting[k], func(w waitingCommit) bool { return w.id == 0 })
		if i < 0 {
			c.waiting[k] = append(c.waiting[k], waitingCommit{id: id})
		} else {
			c.waiting[k][i].id = id
		}
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
		code, ok := codes[k.Partition]
		if !ok {
			return
		}
		e := Event{Kind: Answer, ID: c.take(k, req), Instance: c.instances[k.member], Partition: k.Partition, Offset: k.offset}
		if e.ID == 0 {
			return
		}
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
	c.each(req, func(k commitKey) { c.take(k, req) })
}

// take removes the commit of a request, or the first of which nobody knows the
// request, and returns its id, 0 for none.
func (c *Commits) take(k commitKey, req *kmsg.OffsetCommitRequest) int64 { // under mu
	ws := c.waiting[k]
	i := slices.IndexFunc(ws, func(w waitingCommit) bool { return w.req == req })
	if i < 0 {
		i = slices.IndexFunc(ws, func(w waitingCommit) bool { return w.req == nil })
	}
	if i < 0 {
		return 0
	}
	id := ws[i].id
	c.waiting[k] = slices.Delete(ws, i, i+1)
	return id
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
