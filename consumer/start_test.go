//go:build synctests

package consumer_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/handlers"
)

func TestLatestIsDecidedOnceForTheGroup(t *testing.T) {
	for name, start := range map[string]string{"latest": "latest", "a time to come": "2100-01-31T12:00:00Z"} {
		t.Run(name, func(t *testing.T) {
			inLab(t, 2, func(l *lab) {
				l.produce(2, 50, 10)
				cfg := l.config()
				cfg.Kafka.Start = start
				m := l.run(cfg, l.to(nil))
				l.until(time.Minute, "the start committed", func() bool { return l.committed(0) == 50 && l.committed(1) == 50 })
				m.mustEnd()
				l.produce(2, 20, 10) // while nobody is there
				m = l.run(cfg, l.to(nil))
				l.until(time.Minute, "what came meanwhile delivered", func() bool { return l.ledger.distinct() == 40 })
				l.until(time.Minute, "committed", func() bool { return l.committed(0) == 70 && l.committed(1) == 70 })
				m.mustEnd()
				for _, e := range l.ledger.effects {
					if e.offset < 50 {
						t.Fatalf("offset %d delivered, want none from before the start", e.offset)
					}
				}
			})
		})
	}
}

func TestTheStartIsCommittedBeforeTheFirstEffect(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 50, 10)
		cfg := l.config()
		cfg.Kafka.Start = "latest"
		cfg.Kafka.CommitInterval = time.Hour
		cfg.Drain = time.Second
		cut := &cutter{net: &l.net}
		failing := handlers.Func(func(context.Context, *handlers.Record, handlers.Emit) error {
			return flow.Overloaded(errors.New("not now"), 0)
		})
		m := l.run(cfg, l.to(failing), consumer.WithClientOptions(kgo.Dialer(cut.dial)))
		l.until(time.Minute, "assigned", func() bool { return len(m.Explain().Partitions) == 1 })
		time.Sleep(time.Second)
		l.produce(1, 20, 10)
		l.until(time.Minute, "taken", func() bool { return m.Explain().HeldRecords == 20 })
		cut.now() // before anything was done
		_ = m.end()
		l.until(2*time.Minute, "the dead member left behind", func() bool { return l.cluster.GroupInfo(group).State != "Stable" })
		m = l.run(cfg, l.to(nil))
		l.until(time.Minute, "what came meanwhile delivered", func() bool { return l.ledger.distinct() == 20 })
		m.mustEnd()
	})
}

// A broker that does not say where its logs begin holds up nothing for good.
func TestAStartThatNobodySaysIsLeftToTheClient(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 50, 10)
		fault := l.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.ListOffsets}, Err: kerr.LeaderNotAvailable, Count: -1})
		m := l.run(l.config(), l.to(nil))
		time.Sleep(20 * time.Second)
		if fault.Hits() == 0 || l.ledger.distinct() > 0 {
			t.Fatalf("%d refusals and %d delivered, want some and none", fault.Hits(), l.ledger.distinct())
		}
		fault.Remove()
		l.until(time.Minute, "delivered", func() bool { return l.ledger.distinct() == 50 })
		m.mustEnd()
		l.settled(1, 50)
	})
}
