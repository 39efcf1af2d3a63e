//go:build synctests

package consumer_test

import (
	"context"
	"strconv"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/sink"
)

// slow returns a handler that takes d for each record.
func slow(d time.Duration) handlers.Handler {
	return handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
		select {
		case <-time.After(d):
		case <-ctx.Done():
			return ctx.Err()
		}
		emit(rec.Message())
		return nil
	})
}

func TestMembersComeAndGoWithoutLossDuplicateOrDisorder(t *testing.T) {
	for _, protocol := range []consumer.Protocol{consumer.ProtocolClassic, consumer.ProtocolConsumer} {
		t.Run(string(protocol), func(t *testing.T) {
			inLab(t, 6, func(l *lab) {
				cfg := l.config()
				cfg.Kafka.Protocol = protocol
				first := l.run(cfg, l.to(slow(2*time.Millisecond)))
				for i := range 40 {
					var recs []*kgo.Record
					for p := range 6 {
						for k := range 10 {
							recs = append(recs, &kgo.Record{Topic: topic, Partition: int32(p), Key: []byte("k" + strconv.Itoa(k)), Value: []byte(strconv.Itoa(i))})
						}
					}
					l.write(recs...)
					switch i {
					case 10, 20:
						l.run(cfg, l.to(slow(2*time.Millisecond)))
					case 30:
						first.mustEnd()
					}
					time.Sleep(200 * time.Millisecond)
				}
				l.until(time.Minute, "all delivered", func() bool { return l.ledger.distinct() == 2400 })
				time.Sleep(3 * time.Second)
				for _, m := range l.members {
					m.mustEnd()
				}
				l.settled(6, 400)
			})
		})
	}
}

func TestARevokeCommitsWhatItDrained(t *testing.T) {
	inLab(t, 2, func(l *lab) {
		l.produce(2, 100, 100)
		var handled atomic.Int64
		h := handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
			handled.Add(1)
			return slow(1500*time.Millisecond).Handle(ctx, rec, emit)
		})
		cfg := l.config()
		cfg.Kafka.CommitInterval = time.Hour // only the drain commits
		l.run(cfg, l.to(h), consumer.WithHandlers(8))
		l.until(time.Minute, "work in flight", func() bool { return handled.Load() >= 20 })
		l.run(cfg, l.to(h), consumer.WithHandlers(8))
		l.until(5*time.Minute, "all delivered", func() bool { return l.ledger.distinct() == 200 })
		for _, m := range l.members {
			m.mustEnd()
		}
		l.settled(2, 100)
	})
}

// deaf makes every write take d, whatever its context says: the effect is there
// in the end, so a member that does not wait for it repeats it.
func (g *ledger) deaf(d time.Duration) {
	g.before = func(context.Context, []sink.Message) error {
		time.Sleep(d)
		return nil
	}
}

func TestARevokeWaitsForWritesInFlight(t *testing.T) {
	inLab(t, 2, func(l *lab) {
		l.produce(2, 400, 400)
		l.ledger.deaf(1500 * time.Millisecond)
		p := l.to(slow(5 * time.Millisecond))
		p.Sink.Limit.Fixed = 8
		l.run(l.config(), p)
		l.until(time.Minute, "some written", func() bool { return l.ledger.distinct() >= 20 })
		l.run(l.config(), p)
		l.until(5*time.Minute, "all delivered", func() bool { return l.ledger.distinct() == 800 })
		time.Sleep(3 * time.Second)
		for _, m := range l.members {
			m.mustEnd()
		}
		l.settled(2, 400)
	})
}

func TestAPauseDoesNotOutliveItsAssignment(t *testing.T) {
	inLab(t, 4, func(l *lab) {
		var hung atomic.Bool
		hung.Store(true)
		l.ledger.before = func(ctx context.Context, _ []sink.Message) error {
			if hung.Load() {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		cfg := l.config()
		cfg.Memory = 16 << 20
		l.produceLarge(4, 60, 256<<10) // 60 MiB
		first := l.run(cfg, l.to(nil))
		l.until(time.Minute, "paused", func() bool { return first.Explain().State == consumer.StatePaused })
		second := l.run(cfg, l.to(nil))
		l.until(2*time.Minute, "partitions shared", func() bool {
			return len(first.Explain().Partitions) == 2 && len(second.Explain().Partitions) == 2
		})
		hung.Store(false) // the first resumes what it has, while the client still holds the others paused
		l.until(5*time.Minute, "everything delivered", func() bool { return l.ledger.distinct() == 240 })
		time.Sleep(5 * time.Second)
		second.mustEnd()
		l.until(2*time.Minute, "partitions back", func() bool { return len(first.Explain().Partitions) == 4 })
		l.ledger.forget()
		l.produceLarge(4, 5, 100)
		l.until(time.Minute, "new records delivered", func() bool { return l.ledger.distinct() == 20 })
		first.mustEnd()
	})
}

func TestALostPartitionCommitsNothing(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 50, 50)
		release := make(chan struct{})
		cfg := l.config()
		cfg.Kafka.CommitInterval = 500 * time.Millisecond
		m := l.run(cfg, l.to(deafFrom(10, release)))
		l.until(time.Minute, "the first ten committed", func() bool { return l.committed(0) == 10 })
		l.expel()
		time.Sleep(100 * time.Millisecond)
		n := len(l.seenCommits())
		close(release) // late acks of the lost epoch
		time.Sleep(200 * time.Millisecond)
		for _, c := range l.seenCommits()[n:] {
			if c.offset > 10 && l.ledger.distinct() < int(c.offset) {
				t.Errorf("a late ack committed %d", c.offset)
			}
		}
		l.until(time.Minute, "committed by the new epoch", func() bool { return l.committed(0) == 50 })
		m.mustEnd()
		for i := int64(1); i < int64(len(l.seenCommits())); i++ {
			if a, b := l.seenCommits()[i-1].offset, l.seenCommits()[i].offset; b < a {
				t.Errorf("commit went back from %d to %d", a, b)
			}
		}
	})
}

func TestAFrozenMemberDoesNotRewindItsSuccessor(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 100, 100)
		cut := &cutter{net: &l.net}
		cfg := l.config()
		release := make(chan struct{})
		frozen := l.run(cfg, l.to(stuckFrom(20, release)), consumer.WithClientOptions(kgo.Dialer(cut.dial)))
		l.until(time.Minute, "twenty committed", func() bool { return l.committed(0) == 20 })
		cut.now()
		time.Sleep(time.Minute) // beyond the session timeout
		l.run(cfg, l.to(nil))
		l.until(time.Minute, "the successor done", func() bool { return l.committed(0) == 100 })
		cut.mend()
		time.Sleep(30 * time.Second)
		close(release) // offset 20 is done late: 21 could be committed
		time.Sleep(30 * time.Second)
		if got := l.committed(0); got != 100 {
			t.Errorf("committed %d, want 100", got)
		}
		frozen.mustEnd()
		if got := l.committed(0); got != 100 {
			t.Errorf("after the frozen member ended: committed %d, want 100", got)
		}
	})
}

// deafTo answers the heartbeats of a member itself, with code, so that the
// coordinator hears none, throws the member out, and the member does not know.
func (l *lab) deafTo(member string, code *atomic.Int32) {
	l.cluster.ControlKey(int16(kmsg.Heartbeat), func(req kmsg.Request) (kmsg.Response, error, bool) {
		l.cluster.KeepControl()
		r := req.(*kmsg.HeartbeatRequest)
		if r.MemberID != member {
			return nil, nil, false
		}
		resp := r.ResponseKind().(*kmsg.HeartbeatResponse)
		resp.ErrorCode = int16(code.Load()) //nolint:gosec // a code of the protocol
		return resp, nil, true
	})
}

// The member that was thrown out learns it from the answer of a commit, joins
// again under another id, and has done more than its successor: its commit would
// be a step back for the successor's next.
func TestAMemberThatWasThrownOutCommitsNothingThatIsAnothers(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 100, 100)
		cfg := l.config()
		release := make(chan struct{})
		first := l.run(cfg, l.to(stuckFrom(20, release)))
		l.until(time.Minute, "twenty committed", func() bool { return l.committed(0) == 20 })
		l.deafTo(first.Explain().Member, new(atomic.Int32))
		successor := make(chan struct{})
		second := l.run(cfg, l.to(stuckFrom(20, successor)))
		l.until(5*time.Minute, "the successor owns it", func() bool { return len(second.Explain().Partitions) == 1 })
		before := first.Explain().Member
		close(release) // 20 is done, and 21 could be committed
		l.until(5*time.Minute, "joined again", func() bool { return first.Explain().Member != before })
		time.Sleep(time.Minute)
		if got := l.committed(0); got != 20 {
			t.Errorf("committed %d, want the successor's 20", got)
		}
		close(successor)
		first.mustEnd()
		second.mustEnd()
	})
}

// This one was thrown out before it committed anything, learns it from a join, and
// has its partition again by then: what others committed meanwhile counts.
func TestAMemberThatIsBackAsAnotherBeginsBehindWhatOthersCommitted(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 100, 100)
		l.commitAs(0, 0, "") // else its first commit is where the partition starts
		cfg := l.config()
		slowly := cfg
		slowly.Kafka.CommitInterval = 20 * time.Minute
		release := make(chan struct{})
		first := l.run(slowly, l.to(stuckFrom(20, release)))
		l.until(time.Minute, "twenty done", func() bool { return first.Explain().Totals.Done == 20 })
		before := first.Explain().Member
		var code atomic.Int32
		l.deafTo(before, &code)
		second := l.run(cfg, l.to(nil))
		l.until(5*time.Minute, "the successor done", func() bool { return l.committed(0) == 100 })
		second.mustEnd()
		code.Store(int32(kerr.RebalanceInProgress.Code))
		l.until(5*time.Minute, "joined again", func() bool { return first.Explain().Member != before })
		time.Sleep(time.Hour)
		if got := l.committed(0); got != 100 {
			t.Errorf("committed %d, want the successor's 100", got)
		}
		close(release)
		first.mustEnd()
	})
}

// stuckFrom returns a handler that is deaf to its context at one offset, until
// release is closed, and stuck from then on.
func stuckFrom(offset int64, release <-chan struct{}) handlers.Handler {
	return handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
		switch {
		case rec.Offset == offset:
			<-release
		case rec.Offset > offset:
			<-ctx.Done()
			return ctx.Err()
		}
		emit(rec.Message())
		return nil
	})
}

// deafFrom makes a handler whose first try of every record from the offset on waits
// for release, deaf to its context: it finishes after the partition is lost.
func deafFrom(offset int64, release <-chan struct{}) handlers.Handler {
	return handlers.Func(func(_ context.Context, rec *handlers.Record, emit handlers.Emit) error {
		if rec.Attempt == 1 && rec.Offset >= offset {
			<-release
		}
		emit(rec.Message())
		return nil
	})
}

func TestAPartitionPausedBeforeARebalanceFlowsAfterIt(t *testing.T) {
	inLab(t, 4, func(l *lab) {
		var hung atomic.Bool
		hung.Store(true)
		l.ledger.before = func(ctx context.Context, _ []sink.Message) error {
			if hung.Load() {
				<-ctx.Done()
				return ctx.Err()
			}
			return nil
		}
		cfg := l.config()
		cfg.Memory = 16 << 20
		l.produceLarge(4, 60, 256<<10) // 60 MiB
		first := l.run(cfg, l.to(nil))
		l.until(time.Minute, "paused", func() bool { return first.Explain().State == consumer.StatePaused })
		second := l.run(cfg, l.to(nil))
		l.until(2*time.Minute, "partitions shared", func() bool {
			return len(first.Explain().Partitions) == 2 && len(second.Explain().Partitions) == 2
		})
		second.mustEnd()
		l.until(2*time.Minute, "partitions back", func() bool { return len(first.Explain().Partitions) == 4 })
		hung.Store(false)
		l.until(5*time.Minute, "everything delivered", func() bool { return l.ledger.distinct() == 240 })
		time.Sleep(2 * time.Second)
		for _, p := range first.Explain().Partitions {
			if p.State == consumer.StatePaused {
				t.Errorf("%s/%d is still paused: %v", p.Topic, p.Partition, p.Reasons)
			}
		}
		first.mustEnd()
		if got := first.Explain().Totals.MaxHeld; got > 16<<20 {
			t.Errorf("held %d bytes of a budget of %d", got, 16<<20)
		}
	})
}

// produceLarge writes n records of size bytes to each partition.
func (l *lab) produceLarge(partitions, n, size int) {
	l.Helper()
	for i := range n {
		var recs []*kgo.Record
		for p := range partitions {
			recs = append(recs, &kgo.Record{Topic: topic, Partition: int32(p), Key: []byte(strconv.Itoa(i)), Value: make([]byte, size)})
		}
		l.write(recs...)
	}
}
