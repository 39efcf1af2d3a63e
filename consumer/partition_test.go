package consumer

import (
	"context"
	"errors"
	"log/slog"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/weir-kafka/weir/consumer/internal/lane"
)

// records makes n records from offset on.
func records(offset int64, n int, epoch int32) []*kgo.Record {
	recs := make([]*kgo.Record, n)
	for i := range recs {
		recs[i] = &kgo.Record{Offset: offset + int64(i), LeaderEpoch: epoch}
	}
	return recs
}

// The broker here can not cut its log under a consumer, so this is told to the
// partition.
func TestTheLagOfACutLogCountsToItsNewEnd(t *testing.T) {
	p := newPartition(context.Background(), &Consumer{now: time.Now, laneMode: lane.Keyed}, tp{"in", 0}, 1)
	p.push(records(0, 100, 1), 100)
	if r := p.push(records(40, 5, 2), 45); !r.reset {
		t.Fatal("a later epoch at an earlier offset is no reset")
	}
	p.committed = 45
	if got := p.report(time.Now()).Lag; got != 0 {
		t.Errorf("lag %d, want 0", got)
	}
}

// Whoever holds the object of a partition that is not ours any more can not
// commit it, nor give it new records.
func TestAPartitionThatIsNotOursMarksAndTakesNothing(t *testing.T) {
	for name, end := range map[string]func(p *partition){
		"lost": func(p *partition) { p.kill(lost) }, "revoked": func(p *partition) { p.kill(revoked) },
		"gone": func(p *partition) { p.gone = true },
	} {
		t.Run(name, func(t *testing.T) {
			p := newPartition(context.Background(), &Consumer{now: time.Now, laneMode: lane.Keyed}, tp{"in", 0}, 1)
			p.push(records(0, 10, 1), 10)
			p.tracker.Done(0)
			if m, ok := p.mark(); !ok || m.next != 1 {
				t.Fatalf("live: mark %d, %t, want 1", m.next, ok)
			}
			end(p)
			if m, ok := p.mark(); ok {
				t.Errorf("marks %d", m.next)
			}
		})
	}
	p := newPartition(context.Background(), &Consumer{now: time.Now, laneMode: lane.Keyed}, tp{"in", 0}, 1)
	p.startDrain()
	if r := p.push(records(0, 10, 1), 10); r.dropped != 10 || r.records != 0 {
		t.Errorf("draining: took %d records and dropped %d, want 0 and 10", r.records, r.dropped)
	}
}

// A commit may wait for its answer for long; the effects of a lost partition do
// not go on meanwhile. Here the commit is the test, which ends after them.
func TestALossEndsEffectsBeforeItWaitsForACommit(t *testing.T) {
	c := &Consumer{now: time.Now, laneMode: lane.Keyed, log: slog.New(slog.DiscardHandler), commitMu: make(turn, 1), parts: map[tp]*partition{}}
	p := newPartition(context.Background(), c, tp{"in", 0}, 1)
	c.parts[p.tp] = p
	c.commitMu.Lock()
	returned := make(chan struct{})
	go func() {
		defer close(returned)
		c.lost(context.Background(), nil, map[string][]int32{"in": {0}})
	}()
	<-p.ctx.Done()
	select {
	case <-returned:
		t.Error("returned while a commit was under way")
	default:
	}
	c.commitMu.Unlock()
	<-returned
}

// After it has joined again the client gives the answer of a commit as it came:
// topics by their id.
func TestAnAnswerThatNamesNoTopicCounts(t *testing.T) {
	c := &Consumer{now: time.Now, laneMode: lane.Keyed}
	p := newPartition(context.Background(), c, tp{"in", 0}, 1)
	p.push(records(0, 10, 1), 10)
	p.tracker.Done(0)
	m, _ := p.mark()
	marks := map[tp]mark{p.tp: m}
	id := [16]byte{1}
	req, resp := kmsg.NewPtrOffsetCommitRequest(), kmsg.NewPtrOffsetCommitResponse()
	req.Topics = []kmsg.OffsetCommitRequestTopic{{Topic: "in", TopicID: id}}
	answer := []kmsg.OffsetCommitResponseTopicPartition{{Partition: 0, ErrorCode: kerr.UnknownMemberID.Code}}
	resp.Topics = []kmsg.OffsetCommitResponseTopic{{TopicID: id, Partitions: answer}}
	if err := c.applyCommit(marks, req, resp, nil); !errors.Is(err, kerr.UnknownMemberID) {
		t.Errorf("got %v, want %v", err, kerr.UnknownMemberID)
	}
	answer[0].ErrorCode = 0
	if err := c.applyCommit(marks, req, resp, nil); err != nil || p.committed != 1 {
		t.Errorf("got %v and committed %d, want 1", err, p.committed)
	}
	resp.Topics = nil
	if err := c.applyCommit(marks, req, resp, nil); err == nil {
		t.Error("no answer counts as done")
	}
}

// A partition starts where it was first found to, in this log and in no other.
func TestAStartIsDecidedOnce(t *testing.T) {
	p := newPartition(context.Background(), &Consumer{now: time.Now, laneMode: lane.Keyed}, tp{"in", 0}, 1)
	if _, ok := p.mark(); ok {
		t.Error("there is something to commit of what starts nobody knows where, want nothing")
	}
	p.startsAt(50)
	p.startsAt(70)
	if m, ok := p.mark(); !ok || m.next != 50 || m.epoch != -1 {
		t.Errorf("commits %d of epoch %d, %t, want 50 of no epoch", m.next, m.epoch, ok)
	}
	p.push(records(50, 4, 1), 54)
	p.push(records(0, 4, 2), 54)
	if got := p.start(); got != -1 {
		t.Errorf("another log starts at %d, want it unknown", got)
	}
}

// An answer may come after the log has become another one, or after a fetch that told more.
func TestAnEndThatIsOldIsNotLearned(t *testing.T) {
	p := newPartition(context.Background(), &Consumer{now: time.Now, laneMode: lane.Keyed}, tp{"in", 0}, 1)
	gen, blind := p.isBlind()
	if !blind {
		t.Error("nobody asks for the end of a log of which nothing was fetched")
	}
	p.learnEnd(20, gen)
	p.learnEnd(10, gen)
	if p.end != 20 {
		t.Errorf("the end went to %d, want 20", p.end)
	}
	p.reset()
	p.learnEnd(30, gen)
	if p.end != 20 {
		t.Errorf("the end of another log, %d, was learned", p.end)
	}
}

// The client may go back before what is committed. What comes again of the same log was
// done; another log has later epochs, or is shorter than what was committed.
func TestWhatIsCommittedIsNotTakenAgain(t *testing.T) {
	for name, tt := range map[string]struct {
		committed, now int32 // epochs
		end            int64
		taken, dropped int
		reset          bool
	}{
		"the same log":              {committed: 5, now: 5, end: 20, taken: 13, dropped: 7},
		"of an earlier leader":      {committed: 5, now: 4, end: 20, taken: 13, dropped: 7},
		"that ends at the commit":   {committed: 5, now: 5, end: 7, taken: 13, dropped: 7},
		"written anew":              {committed: 5, now: 6, end: 20, taken: 20, reset: true},
		"shorter than the commit":   {committed: 5, now: 5, end: 6, taken: 20, reset: true},
		"a commit without an epoch": {committed: -1, now: 5, end: 20, taken: 20, reset: true},
		"a log without epochs":      {committed: 5, now: -1, end: 20, taken: 20, reset: true},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPartition(context.Background(), &Consumer{now: time.Now, laneMode: lane.Keyed}, tp{"in", 0}, 1)
			p.committed, p.commitEpoch = 7, tt.committed
			r := p.push(records(0, 20, tt.now), tt.end)
			if int(r.records) != tt.taken || r.dropped != tt.dropped || r.reset != tt.reset {
				t.Errorf("%d taken, %d dropped, reset %t, want %d, %d and %t", r.records, r.dropped, r.reset, tt.taken, tt.dropped, tt.reset)
			}
			if m, ok := p.mark(); ok && !tt.reset {
				t.Errorf("commits %d before anything is done, want nothing", m.next)
			}
		})
	}
}

// The first record after the commit is in work, and those behind it are done: the commit
// stays where it is with a map, and so does the epoch that came with it.
func TestACommitThatStaysKeepsItsEpoch(t *testing.T) {
	p := newPartition(context.Background(), &Consumer{now: time.Now, laneMode: lane.Keyed}, tp{"in", 0}, 1)
	p.committed, p.commitEpoch = 7, 4
	p.push(records(7, 3, 5), 10)
	p.tracker.Done(1)
	p.uncommitted = 1
	m, ok := p.mark()
	if !ok || m.next != 7 || m.epoch != 4 || m.metadata == "" {
		t.Errorf("commits %d of epoch %d, map %q, %t, want 7 of epoch 4 with a map", m.next, m.epoch, m.metadata, ok)
	}
	p.commitDone(m, nil)
	if p.commitEpoch != 4 {
		t.Errorf("epoch %d is committed, want 4", p.commitEpoch)
	}
}
