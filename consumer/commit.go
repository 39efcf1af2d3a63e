package consumer

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weir-kafka/weir/internal/crash"
)

// commitDone is told the broker's answer.
func (p *partition) commitDone(m mark, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.gen != m.gen {
		return
	}
	if errors.Is(err, kerr.OffsetMetadataTooLarge) {
		p.noMap = true
	}
	if err != nil {
		return
	}
	p.committed, p.commitEpoch, p.sentMap, p.mapWhole = m.next, m.epoch, m.metadata, m.whole
	p.uncommitted += m.beyond - m.covered
}

// commitLoop commits once an interval while there is progress, until ctx ends. A group has
// one coordinator for all of its members, which writes every commit to a log: so it is asked
// no more often, however quick a pipeline is.
func (c *Consumer) commitLoop(ctx context.Context) {
	t := time.NewTicker(c.cfg.Kafka.CommitInterval)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		c.commitPace.tick(c.totals.done.Load())
		if err := c.commit(ctx, c.partitions()); err != nil && ctx.Err() == nil {
			c.log.Warn("commit refused", "err", err)
		}
	}
}

// commitPace is how many records have lately become done between two commits.
type commitPace struct {
	at   atomic.Int64 // records done when the interval began
	most atomic.Int64 // of late
}

func (p *commitPace) tick(done int64) {
	p.most.Store(max(done-p.at.Swap(done), p.most.Load()*3/4))
}

// ahead bounds what becomes done until the commit after the next one.
func (p *commitPace) ahead(done int64) int64 { return 2 * max(p.most.Load(), done-p.at.Load()) }

// commit tells the broker how far parts are done. Snapshot, send and apply are
// one critical section: with two of them interleaved the older snapshot may be
// sent last, and rewind the group. The client does not check ownership, and
// neither does the broker: only partitions in the table are committed, and
// revoke takes them out under the same lock.
func (c *Consumer) commit(ctx context.Context, parts []*partition) error {
	if err := c.commitMu.await(ctx); err != nil {
		return fmt.Errorf("commit: the one before it has not ended: %w", err)
	}
	defer c.commitMu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Kafka.RebalanceTimeout/4)
	defer cancel()
	err := c.send(ctx, parts)
	var member newMemberError
	if errors.As(err, &member) {
		if err = c.catchUp(ctx, string(member)); err == nil {
			err = c.send(ctx, parts)
		}
	}
	return err
}

// send is commit under its mutex.
func (c *Consumer) send(ctx context.Context, parts []*partition) error {
	offsets := make(map[string]map[int32]kgo.EpochOffset)
	marks := make(map[tp]mark)
	for _, p := range parts {
		m, ok := p.mark()
		if !ok {
			continue
		}
		if offsets[p.topic] == nil {
			offsets[p.topic] = make(map[int32]kgo.EpochOffset)
		}
		offsets[p.topic][p.partition] = kgo.EpochOffset{Epoch: m.epoch, Offset: m.next}
		marks[p.tp] = m
	}
	if len(marks) == 0 {
		return nil
	}
	ctx = kgo.PreCommitFnContext(ctx, func(req *kmsg.OffsetCommitRequest) error {
		if as := c.ownedAs.Load(); as == nil || *as != req.MemberID {
			return errUnsure
		}
		if c.committer == "" { // it may have been thrown out before its first commit
			c.committer = *c.firstAs.Load()
		}
		if req.MemberID != c.committer {
			return newMemberError(req.MemberID)
		}
		addMetadata(req, marks)
		crashCommit(marks)
		return nil
	})
	var err error
	start := c.now()
	c.client.CommitOffsetsSync(ctx, offsets, func(_ *kgo.Client, req *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, e error) {
		crash.At(crash.ReplyNotApplied)
		err = c.applyCommit(marks, req, resp, e)
	})
	c.metrics.committed(err, c.now().Sub(start))
	if isFenced(err) {
		for _, p := range c.partitions() {
			c.stopDraining(p)
		}
	}
	return err
}

func addMetadata(req *kmsg.OffsetCommitRequest, marks map[tp]mark) {
	for t := range req.Topics {
		topic := &req.Topics[t]
		for k := range topic.Partitions {
			part := &topic.Partitions[k]
			if m, ok := marks[tp{topic.Topic, part.Partition}]; ok {
				part.Metadata = kmsg.StringPtr(m.metadata)
			}
		}
	}
}

// applyCommit looks at every partition's code: no error of the whole does not
// mean that any was committed. The client leaves topics nameless, known by their
// id only, when the answer comes after it has joined again.
func (c *Consumer) applyCommit(marks map[tp]mark, req *kmsg.OffsetCommitRequest, resp *kmsg.OffsetCommitResponse, err error) error {
	if err != nil {
		return fmt.Errorf("commit: %w", err)
	}
	topics := make(map[[16]byte]string, len(req.Topics))
	for i := range req.Topics {
		topics[req.Topics[i].TopicID] = req.Topics[i].Topic
	}
	var errs []error
	answered := 0
	for _, t := range resp.Topics {
		if t.Topic == "" {
			t.Topic = topics[t.TopicID]
		}
		for _, part := range t.Partitions {
			m, ok := marks[tp{t.Topic, part.Partition}]
			if !ok {
				continue
			}
			answered++
			e := kerr.ErrorForCode(part.ErrorCode)
			m.p.commitDone(m, e)
			if isGone(e) {
				c.stopDraining(m.p)
			}
			if e != nil {
				errs = append(errs, fmt.Errorf("commit: %s/%d: %w", t.Topic, part.Partition, e))
			}
		}
	}
	if answered < len(marks) {
		errs = append(errs, fmt.Errorf("commit: %d of %d partitions were not answered", len(marks)-answered, len(marks)))
	}
	return errors.Join(errs...)
}

// errUnsure stops a commit under a member id of which the client has not said yet
// what it owns. The group takes commits from any member, so ours could rewind
// those of the owner.
var errUnsure = errors.New("joined the group again, and do not know yet which partitions are ours")

// newMemberError stops a commit under a member id that has not committed yet.
type newMemberError string

func (e newMemberError) Error() string { return "commit: now member " + string(e) }

// catchUp learns what the group committed while this member was out of it. A
// member that was silent for too long is thrown out, its partitions go to others,
// and when it learns this from a commit or a join, and not from a heartbeat, the
// client joins under a new id and keeps its positions: nobody says lost. So what
// is done here may lie behind what others have done, and its commit would rewind
// them.
func (c *Consumer) catchUp(ctx context.Context, member string) error {
	offsets, err := kadm.NewClient(c.client).FetchOffsets(ctx, c.cfg.Kafka.Group)
	if err != nil {
		return fmt.Errorf("commit: what the group committed: %w", err)
	}
	for _, p := range c.partitions() {
		if o, ok := offsets.Lookup(p.topic, p.partition); ok && o.Err == nil {
			p.mu.Lock()
			p.floor = max(p.floor, o.At)
			p.mu.Unlock()
		}
	}
	c.committer = member
	return nil
}

// stopDraining ends the effects of a partition that is being given back and whose
// commit was refused for good: it is the earliest sign that it has an owner
// already. A live one goes on; the client joins again and says what became of it.
func (c *Consumer) stopDraining(p *partition) {
	p.mu.Lock()
	ours := p.life == draining
	p.mu.Unlock()
	if !ours {
		return
	}
	left := c.end(lost, p)
	c.log.Warn("partition lost while it was drained", "topic", p.topic, "partition", p.partition,
		"in_flight", left.inFlight, "uncommitted", left.uncommitted)
}
