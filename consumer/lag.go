package consumer

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
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
	ends := c.ends(ctx, parts)
	for i, p := range parts {
		if end, ok := ends[p.tp]; ok {
			p.learnEnd(end, gens[i])
		}
	}
}

// logEnd is the time by which a broker is asked where a log ends.
const logEnd = -1

// ends asks where the logs of parts end. Of those for which there is no answer there is
// none. That of kadm would ask for the metadata each time, and for all of a topic.
func (c *Consumer) ends(ctx context.Context, parts []*partition) map[tp]int64 {
	req := kmsg.NewPtrListOffsetsRequest()
	for topic, ps := range byTopic(parts) {
		t := kmsg.NewListOffsetsRequestTopic()
		t.Topic = topic
		for _, n := range ps {
			p := kmsg.NewListOffsetsRequestTopicPartition()
			p.Partition, p.Timestamp = n, logEnd
			t.Partitions = append(t.Partitions, p)
		}
		req.Topics = append(req.Topics, t)
	}
	ends := make(map[tp]int64, len(parts))
	for _, shard := range c.client.RequestSharded(ctx, req) {
		resp, ok := shard.Resp.(*kmsg.ListOffsetsResponse)
		if shard.Err != nil || !ok {
			continue
		}
		for _, t := range resp.Topics {
			for _, p := range t.Partitions {
				if p.ErrorCode == 0 {
					ends[tp{t.Topic, p.Partition}] = p.Offset
				}
			}
		}
	}
	return ends
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
