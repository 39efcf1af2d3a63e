package consumer

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// outOfRange looks into why the client went back before the commit: a broker said that
// its offset is out of range. That may be false, of one that is behind; and of another
// log everything is to be read. What is fetched meanwhile is dropped, and fetched again.
// Only one look at a partition is under way. Where records were read already, push
// knows those that come again.
func (c *Consumer) outOfRange(p *partition) {
	if !p.heard() {
		return
	}
	c.background.Add(1)
	go func() { // not on the poll goroutine: it asks brokers
		defer c.background.Done()
		for more := true; more; {
			ctx, cancel := context.WithTimeout(c.work, 30*time.Second)
			err := c.look(ctx, p)
			if err != nil {
				c.log.Warn("offset out of range, and it is not known why yet", "topic", p.topic, "partition", p.partition, "err", err)
			}
			cancel()
			pause(c.work, lookAgain)
			more = p.looked(c.work, err != nil)
		}
	}()
}

// heard notes that a broker said it, and reports whether to begin to look.
func (p *partition) heard() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	begin := !p.looking && p.life == live
	p.looking, p.again = p.looking || begin, !begin
	return begin
}

// looked ends a look, and reports whether it was said again meanwhile.
func (p *partition) looked(ctx context.Context, failed bool) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.looking, p.again = (p.again || failed) && p.life == live && ctx.Err() == nil, false
	return p.looking
}

// lookAgain is how long after a look another may follow.
const lookAgain = time.Second

// logSeen is what the leader of a partition says of its log.
type logSeen struct {
	start, end int64
	leader     int32 // its epoch, -1 if it does not say
	diverged   int64 // where the log leaves the epoch of ours, -1 if it does not know that epoch
	asked      bool  // whether it was asked for that
}

// finding is what an offset that is said to be out of range is.
type finding uint8

const (
	inRange   finding = iota
	deleted           // before the log's start: retention was quicker
	truncated         // the log was cut before it, and written on
	another           // beyond the end of a log that is no continuation
	beyond            // beyond the end; the leader may be behind
)

// find says what an offset is that is to be fetched next, -1 for not known, and where
// to go on.
func (l logSeen) find(at int64) (f finding, to int64) {
	switch {
	case at < l.start:
		return deleted, l.start
	case l.asked && l.diverged < 0:
		return another, l.start
	case l.asked && l.diverged < at:
		return truncated, max(l.diverged, l.start)
	case at <= l.end:
		return inRange, at
	}
	return beyond, at
}

// whileBeyond is how long an offset must have been beyond the end of the log before it
// is taken for one of another log: a new leader learns the end after the others.
const whileBeyond = 30 * time.Second

// look asks the leader and goes where the log goes on.
func (c *Consumer) look(ctx context.Context, p *partition) error {
	at, epoch, gen := p.next()
	seen, err := c.seeLog(ctx, p, epoch)
	if err != nil {
		return err
	}
	f, to := seen.find(at)
	now := c.now()
	p.mu.Lock()
	if f != beyond {
		p.beyondSince = time.Time{}
	} else if p.beyondSince.IsZero() {
		p.beyondSince = now
	}
	if f == beyond && now.Sub(p.beyondSince) > whileBeyond {
		f, to = another, seen.start
	}
	p.mu.Unlock()
	where := []any{"topic", p.topic, "partition", p.partition, "offset", at, "start", seen.start, "end", seen.end}
	switch f {
	case inRange:
		c.log.Info("a broker said that an offset is out of range, and it is not; going on there", where...)
	case beyond:
		return fmt.Errorf("offset %d is beyond the end %d of the log; waiting for the leader to learn better", at, seen.end)
	case deleted:
		c.noteDeleted(p, to)
	case truncated:
		c.log.Error("the log was cut before what was committed; going on where it was cut", append(where, "to", to)...)
		c.metrics.resets.Inc()
	case another:
		c.log.Error("the log is another one than was committed; going on at its start", where...)
		c.metrics.resets.Inc()
	}
	return c.goTo(ctx, p, gen, f, to)
}

// noteDeleted says what retention was quicker with: the client goes on at the start of
// the log by itself.
func (c *Consumer) noteDeleted(p *partition, start int64) {
	p.mu.Lock()
	at, _ := p.place()
	yes := at >= 0 && start > at && p.life == live
	if yes {
		p.begin = start
	}
	p.mu.Unlock()
	if !yes {
		return
	}
	c.log.Error("records were deleted before they were read; going on at the start of the log",
		"topic", p.topic, "partition", p.partition, "offset", at, "start", start, "missing_offsets", start-at)
	c.metrics.missing.Add(float64(start - at))
}

// next is the offset to be fetched next, -1 if nobody knows, and the leader epoch of the
// record before it.
func (p *partition) next() (at int64, epoch int32, gen uint64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	at, epoch = p.place()
	return at, epoch, p.gen
}

// place is next under mu.
func (p *partition) place() (at int64, epoch int32) {
	if last, e, ok := p.tracker.Last(); ok {
		return max(last+1, p.begin), e
	}
	if p.committed >= p.begin {
		return p.committed, p.committedEpoch
	}
	return p.begin, -1
}

// seeLog asks for the ends of the log, and where it leaves epoch if it is of a later one.
func (c *Consumer) seeLog(ctx context.Context, p *partition, epoch int32) (l logSeen, err error) {
	starts, ends, err := c.logEnds(ctx, p.topic)
	if err != nil {
		return l, err
	}
	start, there := starts.Lookup(p.topic, p.partition)
	end, also := ends.Lookup(p.topic, p.partition)
	switch {
	case !there || !also:
		return l, kerr.UnknownTopicOrPartition
	case start.Err != nil:
		return l, start.Err
	case end.Err != nil:
		return l, end.Err
	}
	l = logSeen{start: start.Offset, end: end.Offset, leader: end.LeaderEpoch}
	if epoch < 0 || l.leader <= epoch {
		return l, nil
	}
	ask := kadm.OffsetForLeaderEpochRequest{}
	ask.Add(p.topic, p.partition, epoch)
	epochs, err := kadm.NewClient(c.client).OffsetForLeaderEpoch(ctx, ask)
	if err != nil {
		return l, fmt.Errorf("asking where epoch %d of %s/%d ends: %w", epoch, p.topic, p.partition, err)
	}
	at, ok := epochs[p.topic][p.partition]
	if !ok || at.Err != nil {
		return l, fmt.Errorf("asking where epoch %d of %s/%d ends: %w", epoch, p.topic, p.partition, at.Err)
	}
	l.asked, l.diverged = true, at.EndOffset
	return l, nil
}

// goTo has the client fetch from an offset. It may not do that beside a commit or a
// revoke, and both wait for the same turn.
func (c *Consumer) goTo(ctx context.Context, p *partition, gen uint64, f finding, to int64) error {
	if err := c.commitMu.await(ctx); err != nil {
		return fmt.Errorf("going to offset %d: %w", to, err)
	}
	defer c.commitMu.Unlock()
	p.mu.Lock()
	if p.life != live || p.gen != gen || p.gone {
		p.mu.Unlock()
		return nil
	}
	var bytes, records int64
	if f == another || f == truncated {
		bytes, records = p.reset()
		p.end = -1
	}
	if f != inRange {
		p.begin = to
	}
	p.mu.Unlock()
	c.free(bytes, records)
	c.client.SetOffsets(map[string]map[int32]kgo.EpochOffset{p.topic: {p.partition: {Epoch: -1, Offset: to}}})
	return nil
}
