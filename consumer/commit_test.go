//go:build synctests

package consumer_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/handlers"
)

// stuck returns a handler that waits for release at one offset of a partition.
func stuck(partition int32, offset int64, release <-chan struct{}) handlers.Handler {
	all := allStuck(release)
	return handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
		if rec.Partition == partition && rec.Offset == offset {
			return all.Handle(ctx, rec, emit)
		}
		emit(rec.Message())
		return nil
	})
}

// allStuck makes a handler that waits for release with every record.
func allStuck(release <-chan struct{}) handlers.Handler {
	return handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
		select {
		case <-release:
		case <-ctx.Done():
			return ctx.Err()
		}
		emit(rec.Message())
		return nil
	})
}

func TestACommitNeverPassesARecordThatIsNotDone(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 200, 200)
		release := make(chan struct{})
		cfg := l.config()
		cfg.Order = consumer.OrderNone
		l.ledger.unordered = true
		m := l.run(cfg, l.to(stuck(0, 57, release)))
		l.until(time.Minute, "the others delivered", func() bool { return l.ledger.distinct() == 199 })
		time.Sleep(5 * time.Second)
		for _, c := range l.seenCommits() {
			if c.offset > 57 {
				t.Errorf("committed %d while 57 was not done", c.offset)
			}
		}
		if got := l.committed(0); got != 57 {
			t.Errorf("committed %d, want 57", got)
		}
		close(release)
		l.until(time.Minute, "committed", func() bool { return l.committed(0) == 200 })
		m.mustEnd()
		l.settled(1, 200)
	})
}

func TestACrashRepeatsNothingThatTheCompletionMapHolds(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 500, 500)
		l.crashAfterMap()
		l.run(l.config(), l.to(nil))
		l.until(time.Minute, "all delivered", func() bool { return l.ledger.distinct() == 500 })
		time.Sleep(3 * time.Second)
		if got := l.ledger.duplicates(); got != 0 {
			t.Errorf("%d records repeated, want 0", got)
		}
		if got := l.committed(0); got != 500 {
			t.Errorf("committed %d, want 500", got)
		}
	})
}

// crashAfterMap runs a member until everything but offset 3 is done and the map
// of it is committed, and then cuts it off from the broker, as a crash does.
func (l *lab) crashAfterMap() *member {
	release := make(chan struct{})
	cut := &cutter{net: &l.net}
	cfg := l.config()
	cfg.Drain = time.Second
	cfg.Order = consumer.OrderNone // with keys the lane of offset 3 may hold others
	l.ledger.unordered = true
	m := l.run(cfg, l.to(stuck(0, 3, release)), consumer.WithClientOptions(kgo.Dialer(cut.dial)))
	l.until(time.Minute, "the others delivered", func() bool { return l.ledger.distinct() == 499 })
	l.until(time.Minute, "the map committed", func() bool {
		cs := l.seenCommits()
		return len(cs) > 0 && cs[len(cs)-1].metadata != "" && m.Explain().DuplicatesIfKilled <= 1
	})
	time.Sleep(2 * time.Second)
	cut.now()
	_ = m.end()
	l.until(2*time.Minute, "the dead member left behind", func() bool { return l.cluster.GroupInfo(group).State != "Stable" })
	return m
}

func TestACorruptCompletionMapDegradesToReplay(t *testing.T) {
	for name, metadata := range map[string]string{
		"noise": "AAAA!!", "foreign": "member-1", "cut": "VwEAAA", "long": strings.Repeat("VwEA", 2000),
	} {
		t.Run(name, func(t *testing.T) {
			inLab(t, 1, func(l *lab) {
				l.produce(1, 100, 10)
				l.commitAs(0, 40, metadata)
				m := l.run(l.config(), l.to(nil))
				l.until(time.Minute, "the rest delivered", func() bool { return l.ledger.distinct() == 60 })
				l.until(time.Minute, "committed", func() bool { return l.committed(0) == 100 })
				m.mustEnd()
				if l.ledger.has(0, 39) || !l.ledger.has(0, 40) {
					t.Errorf("began elsewhere than at the committed offset 40")
				}
			})
		})
	}
}

func TestAnIdleConsumerCommitsNothing(t *testing.T) {
	inLab(t, 2, func(l *lab) {
		l.produce(2, 50, 5)
		m := l.run(l.config(), l.to(nil))
		l.until(time.Minute, "committed", func() bool { return l.committed(0) == 50 && l.committed(1) == 50 })
		before := len(l.seenCommits())
		time.Sleep(time.Minute)
		if got := len(l.seenCommits()) - before; got != 0 {
			t.Errorf("%d commits while idle, want 0", got)
		}
		m.mustEnd()
	})
}

func TestCommitsGoOutAtMostOnceAnInterval(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		var handled atomic.Int64
		m := l.run(l.config(), l.to(handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
			handled.Add(1)
			emit(rec.Message())
			return nil
		})))
		for i := range 100 {
			l.write(&kgo.Record{Topic: topic, Key: []byte{byte(i)}, Value: []byte("x")})
			time.Sleep(100 * time.Millisecond)
		}
		if got := len(l.seenCommits()); got > 12 {
			t.Errorf("%d commits in 10 s, want at most 12", got)
		}
		m.mustEnd()
		if got := l.committed(0); got != 100 {
			t.Errorf("committed %d, want 100", got)
		}
	})
}
