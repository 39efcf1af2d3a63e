//go:build synctests

package consumer_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"context"
	"errors"
	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/handlers"
)

func TestLatestIsDecidedOnceForTheGroup(t *testing.T) {
	inLab(t, 2, func(l *lab) {
		l.produce(2, 50, 10)
		cfg := l.config()
		cfg.Kafka.Start = "latest"
		m := l.run(cfg, l.to(nil))
		l.until(time.Minute, "the start committed", func() bool { return l.committed(0) == 50 && l.committed(1) == 50 })
		m.mustEnd()
		l.produce(2, 20, 10) // while nobody is there
		m = l.run(cfg, l.to(nil))
		l.until(time.Minute, "what came meanwhile delivered", func() bool { return l.ledger.distinct() == 40 })
		l.until(time.Minute, "committed", func() bool { return l.committed(0) == 70 })
		m.mustEnd()
		for _, e := range l.ledger.effects {
			if e.offset < 50 {
				t.Fatalf("offset %d delivered, want none from before the start", e.offset)
			}
		}
	})
}

func TestTheStartIsCommittedBeforeTheFirstEffect(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 50, 10)
		cfg := l.config()
		cfg.Kafka.Start = "latest"
		cfg.Drain = time.Second
		cut := &cutter{net: &l.net}
		failing := handlers.Func(func(context.Context, *handlers.Record, handlers.Emit) error {
			return flow.Overloaded(errors.New("not now"), 0)
		})
		m := l.run(cfg, l.to(failing), consumer.WithClientOptions(kgo.Dialer(cut.dial)))
		l.until(time.Minute, "assigned", func() bool { return len(m.Explain().Partitions) == 1 && m.Explain().Partitions[0].Lag == 0 })
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

func TestAPartitionThatIsAddedIsReadFromItsStartWithLatest(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 50, 10)
		cfg := l.config()
		cfg.Kafka.Start = "latest"
		m := l.run(cfg, l.to(nil))
		l.until(time.Minute, "the start committed", func() bool { return l.committed(0) == 50 })
		if _, err := kadm.NewClient(l.client).CreatePartitions(l.Context(), 1, topic); err != nil {
			t.Fatal(err)
		}
		fresh := l.newClient()
		defer fresh.Close()
		for range 10 {
			if err := fresh.ProduceSync(l.Context(), &kgo.Record{Topic: topic, Partition: 1, Value: []byte("v")}).FirstErr(); err != nil {
				t.Fatal(err)
			}
		}
		l.until(10*time.Minute, "the new partition's records delivered", func() bool { return l.ledger.distinct() == 10 })
		m.mustEnd()
	})
}
