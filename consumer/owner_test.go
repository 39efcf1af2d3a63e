//go:build synctests

package consumer_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weir-kafka/weir/handlers"
)

// A member that was silent for too long may learn it from a commit before any
// heartbeat. The client then joins again and keeps its position: nobody tells
// that the partition was somebody else's meanwhile.
func TestASilentMemberDoesNotRewindOneThatCameAndWent(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 100, 100)
		release := make(chan struct{})
		silent := l.run(l.config(), l.to(stuckFrom(20, release)))
		l.until(time.Minute, "twenty committed", func() bool { return l.committed(0) == 20 })
		l.swallowHeartbeats(silent.Explain().Member)
		time.Sleep(time.Minute) // beyond the session timeout
		other := l.run(l.config(), l.to(nil))
		l.until(time.Minute, "the successor done", func() bool { return l.committed(0) == 100 })
		other.mustEnd()
		close(release) // offset 20 is done late: 21 could be committed
		for range 600 {
			time.Sleep(100 * time.Millisecond)
			if got := l.committed(0); got != 100 {
				t.Fatalf("committed %d, want 100", got)
			}
			for _, p := range silent.Explain().Partitions { // it knows what others did as soon as it has joined again
				if p.Committed == 100 && p.Lag != 0 {
					t.Fatalf("lag %d at commit %d of 100, want 0", p.Lag, p.Committed)
				}
			}
		}
		silent.mustEnd()
		if got := l.committed(0); got != 100 {
			t.Errorf("at the end committed %d, want 100", got)
		}
	})
}

// swallowHeartbeats answers the heartbeats of a member, and keeps them from the group.
func (l *lab) swallowHeartbeats(member string) {
	l.cluster.ControlKey(int16(kmsg.Heartbeat), func(req kmsg.Request) (kmsg.Response, error, bool) {
		l.cluster.KeepControl()
		r := req.(*kmsg.HeartbeatRequest)
		return r.ResponseKind(), nil, r.MemberID == member
	})
}

// A coordinator that refuses a drain's commit says that somebody else has the
// partition: what is not yet written must not be.
func TestACommitRefusedDuringADrainStopsItsEffects(t *testing.T) {
	for name, refusal := range map[string]*kerr.Error{"unknown member": kerr.UnknownMemberID, "illegal generation": kerr.IllegalGeneration} {
		t.Run(name, func(t *testing.T) {
			inLab(t, 1, func(l *lab) {
				l.produce(1, 100, 100)
				var handled, ended atomic.Int64
				h := handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
					handled.Add(1)
					if rec.Offset < 10 {
						emit(rec.Message())
						return nil
					}
					defer ended.Add(1)
					select {
					case <-time.After(10*time.Second + time.Duration(rec.Offset)*time.Second/10):
					case <-ctx.Done():
						return ctx.Err()
					}
					emit(rec.Message())
					return nil
				})
				cfg := l.config()
				cfg.Order = "none"
				l.ledger.unordered = true
				m := l.run(cfg, l.to(h))
				l.until(time.Minute, "all begun", func() bool { return handled.Load() == 100 && l.committed(0) == 10 })
				time.Sleep(9 * time.Second)
				refused := l.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: refusal, Count: -1})
				defer refused.Remove()
				go m.stop()
				if err := refused.Wait(l.Context(), 1); err != nil {
					t.Fatal(err)
				}
				time.Sleep(50 * time.Millisecond)
				if got := ended.Load(); got != 90 {
					t.Errorf("%d handlers ended after the refusal, want all 90", got)
				}
				before := l.ledger.distinct()
				m.mustEnd()
				if got := l.ledger.distinct(); got != before {
					t.Errorf("%d messages written after the refusal, want 0", got-before)
				}
				if got := l.committed(0); got != 10 {
					t.Errorf("committed %d, want 10", got)
				}
			})
		})
	}
}

// The final commit is sent again and again until the drain's time is over: a
// coordinator that dies at that moment is back after some seconds.
func TestACoordinatorThatDiesAtTheFinalCommitCostsNothing(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 100, 100)
		cfg := l.config()
		cfg.Kafka.CommitInterval = time.Hour
		m := l.run(cfg, l.to(nil))
		l.until(time.Minute, "all delivered", func() bool { return l.ledger.distinct() == 100 })
		dead := l.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.CoordinatorNotAvailable, Count: -1})
		m.stop()
		time.Sleep(18 * time.Second)
		dead.Remove()
		m.mustEnd()
		l.settled(1, 100)
	})
}

// Commits of a topic that is deleted are refused for good.
func TestARevokeOfADeletedTopicTakesNoTime(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 100, 100)
		cfg := l.config()
		cfg.Kafka.CommitInterval = time.Hour
		m := l.run(cfg, l.to(nil))
		l.until(time.Minute, "all delivered", func() bool { return l.ledger.distinct() == 100 })
		if err := l.cluster.DeleteTopic(topic); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		m.mustEnd()
		if took := time.Since(start); took > 5*time.Second {
			t.Errorf("took %s, want a moment", took)
		}
	})
}

// What was done of the old topic says nothing about the new one.
func TestATopicCreatedAgainBeforeACommitLosesNothing(t *testing.T) {
	for _, pattern := range []string{"", "^in$"} {
		t.Run("pattern="+pattern, func(t *testing.T) {
			inLab(t, 1, func(l *lab) {
				l.produce(1, 100, 10)
				cfg := l.config()
				cfg.Kafka.CommitInterval = time.Hour
				if cfg.Kafka.Pattern = pattern; pattern != "" {
					cfg.Kafka.Topics = nil
				}
				m := l.run(cfg, l.to(nil))
				l.until(time.Minute, "all delivered", func() bool { return l.ledger.distinct() == 100 })
				if err := l.cluster.DeleteTopic(topic); err != nil {
					t.Fatal(err)
				}
				if err := l.cluster.CreateTopic(topic, 1, nil); err != nil {
					t.Fatal(err)
				}
				l.ledger.forget()
				l.client = l.newClient() // the old one remembers the old topic
				defer l.client.Close()
				l.produce(1, 150, 10)
				l.until(10*time.Minute, "the new records delivered", func() bool { return l.ledger.distinct() == 150 })
				m.mustEnd()
				l.settled(1, 150)
			})
		})
	}
}

// A handler that does not come back must not keep the partitions with it.
func TestAHandlerThatNeverReturnsDoesNotKeepItsPartitions(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 20, 20)
		release := make(chan struct{})
		deaf := l.run(l.config(), l.to(handlers.Func(func(context.Context, *handlers.Record, handlers.Emit) error {
			<-release
			return nil
		})))
		l.until(time.Minute, "work in flight", func() bool { return deaf.Explain().HeldRecords > 0 })
		deaf.stop()
		l.run(l.config(), l.to(nil))
		l.until(time.Minute, "its successor has delivered all", func() bool { return l.ledger.distinct() == 20 })
		close(release)
		deaf.mustEnd()
	})
}

// A member may be fenced while its commit is on the way, and a commit may have no
// answer for long: what waits for it must not hold up the clock of a test.
func TestAMemberFencedDuringACommitGoesOn(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 100, 100)
		var silent atomic.Bool
		l.cluster.ControlKey(int16(kmsg.OffsetCommit), func(kmsg.Request) (kmsg.Response, error, bool) {
			l.cluster.KeepControl()
			return nil, nil, silent.Load() // no answer at all
		})
		m := l.run(l.config(), l.to(nil))
		l.until(time.Minute, "all committed", func() bool { return l.committed(0) == 100 })
		silent.Store(true)
		l.produce(1, 100, 100)
		l.until(time.Minute, "all delivered", func() bool { return l.ledger.distinct() == 200 })
		time.Sleep(2 * time.Second) // the commit has been sent
		fenced := l.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, TopLevel: true, Err: kerr.UnknownMemberID})
		if err := fenced.Wait(l.Context(), 1); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		silent.Store(false)
		l.until(5*time.Minute, "all committed after it has joined again", func() bool { return l.committed(0) == 200 })
		m.mustEnd()
	})
}
