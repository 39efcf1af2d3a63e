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

// noteFetch keeps what the last fetch of a partition said, for its report, and
// returns whether that is news.
func (c *Consumer) noteFetch(id tp, err error) bool {
	p := c.partition(id)
	if p == nil {
		return true
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	news := (err == nil) != (p.fetchErr == nil) || err != nil && err.Error() != p.fetchErr.Error()
	p.fetchErr = err
	return news
}
