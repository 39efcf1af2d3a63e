package consumer

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/internal/crash"
)

// poller is the gate around each poll. A poll that has returned but is not
// dispatched yet may hold records of an epoch that has just ended: revoke
// arrives, the partition comes back as a new object, and then the old records
// would reach it. So assign waits at the barrier until no such poll is left.
type poller struct {
	mu      sync.Mutex
	changed sync.Cond
	started uint64
	ended   uint64
	cancel  context.CancelFunc
}

func newPoller() *poller {
	p := &poller{}
	p.changed.L = &p.mu
	return p
}

func (p *poller) begin(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.started++
	p.cancel = cancel
	return ctx
}

func (p *poller) end() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.cancel()
	p.ended = p.started
	p.changed.Broadcast()
}

// barrier ends the poll in flight, which loses nothing, and waits until what it
// brought has been dispatched.
func (p *poller) barrier() {
	p.mu.Lock()
	defer p.mu.Unlock()
	target := p.started
	if p.ended < target {
		p.cancel()
	}
	for p.ended < target {
		p.changed.Wait()
	}
}

// poll is the one goroutine that takes records from the client. It never waits
// for anything downstream: while there is no room it does not poll, and the
// client keeps what it has.
func (c *Consumer) poll(ctx context.Context) error {
	for {
		c.crew.awaitDemand(ctx)
		most := c.awaitRoom(ctx)
		if most == 0 {
			return nil
		}
		pctx := c.poller.begin(ctx)
		fetches := c.client.PollRecords(pctx, most)
		c.lastPoll.Store(c.now().UnixNano())
		closed := fetches.IsClientClosed()
		if !closed {
			c.dispatch(fetches)
			if fetches.NumRecords() > 0 {
				c.gate.arrived(c.now())
			}
		}
		c.poller.end()
		if closed {
			return kgo.ErrClientClosed
		}
		if fetches.NumRecords() == 0 && refused(fetches) {
			pause(ctx, refusedDelay)
		}
	}
}

// refusedDelay is how long to wait after a poll that brought nothing but
// refusals. The client asks again as soon as its answers are taken, without a
// delay of its own for some of them, such as a topic it may not read.
const refusedDelay = 100 * time.Millisecond

// refused reports whether a partition was refused; the end of a poll is no refusal.
func refused(fetches kgo.Fetches) (yes bool) {
	fetches.EachError(func(_ string, _ int32, err error) {
		yes = yes || !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded)
	})
	return yes
}

func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// dispatch hands fetched records to their partitions.
func (c *Consumer) dispatch(fetches kgo.Fetches) {
	for i := range fetches {
		for t := range fetches[i].Topics {
			topic := &fetches[i].Topics[t]
			for k := range topic.Partitions {
				fp := &topic.Partitions[k]
				if fp.Err != nil {
					c.fetchError(topic.Topic, fp)
				} else if len(fp.Records) > 0 {
					crash.At(crash.Fetched)
					c.noteFetch(tp{topic.Topic, fp.Partition}, nil)
				}
				if len(fp.Records) > 0 || fp.HighWatermark > 0 {
					c.push(tp{topic.Topic, fp.Partition}, fp)
				}
			}
		}
	}
}

func (c *Consumer) push(id tp, fp *kgo.FetchPartition) {
	p := c.partition(id)
	if p == nil {
		c.totals.dropped.Add(int64(len(fp.Records)))
		return
	}
	r := p.push(fp.Records, fp.HighWatermark)
	held := c.held.Add(r.bytes)
	c.heldRecords.Add(r.records)
	c.totals.polled.Add(int64(len(fp.Records)))
	c.totals.skipped.Add(int64(r.skipped))
	c.totals.dropped.Add(int64(r.dropped))
	c.noteMax(held)
	if r.reset {
		c.log.Warn("the log was rewritten; starting over from the first new record", "topic", id.topic, "partition", id.partition)
		c.metrics.resets.Inc()
	}
	if r.ready {
		crash.At(crash.Dispatched)
		c.crew.offer(c.work, p)
	}
}

// fetchError logs what the client could not fetch. It goes on by itself after
// all of them but the fatal ones, which stop the partition and show as its
// reason until an operator acts.
func (c *Consumer) fetchError(topic string, fp *kgo.FetchPartition) {
	var loss *kgo.ErrDataLoss
	var session *kgo.ErrGroupSession
	var bomb *kgo.ErrDecompressTooLarge
	switch {
	case errors.Is(fp.Err, context.Canceled), errors.Is(fp.Err, context.DeadlineExceeded):
	case errors.As(fp.Err, &session):
		c.log.Warn("group session ended, joining again", "err", fp.Err)
	case errors.As(fp.Err, &loss):
		// Records of the rewritten log carry a higher leader epoch, which push
		// sees; until they come, what is in flight finishes.
		c.log.Error("records were lost on the broker", "topic", topic, "partition", fp.Partition,
			"consumed_to", loss.ConsumedTo, "reset_to", loss.ResetTo, "err", fp.Err)
		c.metrics.resets.Inc()
	case errors.As(fp.Err, &bomb):
		c.failPartition(tp{topic, fp.Partition}, c.tooLarge(bomb))
	case isUnknownTopicID(fp.Err):
		c.recreated(topic)
	default:
		if !c.noteFetch(tp{topic, fp.Partition}, fp.Err) { // the client may ask again at once
			return
		}
		c.log.Warn("fetch failed", "topic", topic, "partition", fp.Partition, "err", fp.Err)
	}
}
