package consumer

import (
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
)

func isUnknownTopicID(err error) bool { return errors.Is(err, kerr.UnknownTopicID) }

// recreated starts a topic over that was deleted and created again. The client
// keeps asking for the id of the old topic; forgetting the topic makes it learn
// the new one, by itself with a pattern. Its offsets begin again, so what is in
// flight is finished and commits nothing: the purge forgets the old id too, and
// such a commit would count for the new topic.
func (c *Consumer) recreated(topic string) {
	if !c.recreating.CompareAndSwap(false, true) {
		return
	}
	c.log.Warn("topic was deleted and created again; starting over", "topic", topic)
	for _, p := range c.partitions() {
		if p.topic == topic {
			p.mu.Lock()
			p.gone = true
			p.mu.Unlock()
		}
	}
	c.background.Add(1)
	go func() { // not on the poll goroutine: the purge runs the rebalance callbacks
		defer c.background.Done()
		defer c.recreating.Store(false)
		c.commitMu.Lock()
		c.commitMu.Unlock() //nolint:staticcheck // a commit of the old topic is not under way
		c.client.PurgeTopicsFromClient(topic)
		if c.cfg.Kafka.Pattern == "" {
			c.client.AddConsumeTopics(topic)
		}
	}()
}

// failPartition stops one partition and shows why; the others go on.
func (c *Consumer) failPartition(id tp, err error) {
	c.log.Error("partition stopped", "topic", id.topic, "partition", id.partition, "err", err)
	if p := c.partition(id); p != nil {
		p.mu.Lock()
		p.failure = err
		p.mu.Unlock()
	}
}
