package kafkatest_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/sink"
)

// Whatever happens to brokers, members that live on lose, repeat and reorder nothing.
func TestBrokersThatDieCostNothing(t *testing.T) {
	t.Parallel()
	for _, protocol := range []consumer.Protocol{consumer.ProtocolClassic, consumer.ProtocolConsumer} {
		for _, f := range []struct {
			name  string
			fault func(*lab)
		}{
			{"the leader is killed", killLeader},
			{"the controller is killed", killController},
			{"the coordinator is killed", killCoordinator},
			{"every broker is restarted in good order", func(l *lab) { l.bounce(false) }},
			{"every broker is killed and started", func(l *lab) { l.bounce(true) }},
		} {
			t.Run(string(protocol)+"/"+f.name, func(t *testing.T) {
				t.Parallel()
				l := newLab(t, shared(t, threeNodes), 6)
				stop := l.flow(100)
				for range 2 {
					l.run(l.patient(protocol), l.to(nil))
				}
				l.shared()
				before := l.rebalances()
				f.fault(l)
				l.produce(1000)
				stop()
				l.delivered(time.Minute)
				t.Logf("%d rebalances since the fault", l.rebalances()-before)
				must(t, l.c.Heal(t.Context()))
				l.settled(0)
			})
		}
	}
}

// patient is a config whose session is longer than a cluster needs to notice that a
// broker is dead and to load the group elsewhere.
func (l *lab) patient(protocol consumer.Protocol) consumer.Config {
	cfg := l.config(protocol)
	cfg.Kafka.SessionTimeout = 30 * time.Second
	return cfg
}

func killLeader(l *lab) {
	n, err := l.c.Leader(l.Context(), l.topic, 0)
	must(l.T, err)
	must(l.T, n.Kill(l.Context()))
}

func killController(l *lab) {
	n, err := l.c.Controller(l.Context())
	must(l.T, err)
	must(l.T, n.Kill(l.Context()))
}

func killCoordinator(l *lab) {
	n, err := l.c.Coordinator(l.Context(), l.group)
	must(l.T, err)
	must(l.T, n.Kill(l.Context()))
}

// bounce restarts one broker after the other.
func (l *lab) bounce(hard bool) {
	for _, n := range l.c.Nodes {
		if hard {
			must(l.T, n.Kill(l.Context()))
		} else {
			must(l.T, n.Stop(l.Context()))
		}
		must(l.T, n.Start(l.Context()))
		must(l.T, l.c.AwaitUp(l.Context()))
		must(l.T, l.c.AwaitInSync(l.Context()))
	}
}

// shared waits until every member has partitions.
func (l *lab) shared() {
	l.Helper()
	l.until(time.Minute, "every member has partitions", func() bool {
		all := 0
		for _, m := range l.members {
			n := len(m.Explain().Partitions)
			if n == 0 {
				return false
			}
			all += n
		}
		return all == l.parts
	})
}

func (l *lab) rebalances() (n int64) {
	for _, m := range l.members {
		n += m.Explain().Rebalances
	}
	return n
}

// The final commit waits for the next coordinator.
func TestACoordinatorKilledDuringADrainCostsNothing(t *testing.T) {
	t.Parallel()
	for _, protocol := range []consumer.Protocol{consumer.ProtocolClassic, consumer.ProtocolConsumer} {
		t.Run(string(protocol), func(t *testing.T) {
			t.Parallel()
			l := newLab(t, shared(t, threeNodes), 4)
			var slow atomic.Bool
			var writing atomic.Int64
			l.ledger.setBefore(func(context.Context, []sink.Message) error {
				if slow.Load() {
					writing.Add(1)
					time.Sleep(3 * time.Second) // deaf: the effect comes whatever its context says
				}
				return nil
			})
			cfg := l.patient(protocol)
			first := l.run(cfg, l.to(nil))
			l.run(cfg, l.to(nil))
			l.shared()
			l.produce(2000)
			l.delivered(time.Minute)
			slow.Store(true)
			l.produce(2000)
			l.until(30*time.Second, "writes in flight", func() bool { return writing.Load() >= 2 })
			start := time.Now()
			go first.end()
			time.Sleep(500 * time.Millisecond)
			killCoordinator(l)
			must(t, first.end())
			t.Logf("drained and committed after %.1fs", time.Since(start).Seconds())
			slow.Store(false)
			l.delivered(time.Minute)
			must(t, l.c.Heal(t.Context()))
			l.settled(0)
		})
	}
}

// A broker that is frozen and comes back is no reason to lose or reorder anything.
func TestAFrozenLeaderCostsNoRecord(t *testing.T) {
	t.Parallel()
	l := newLab(t, shared(t, threeNodes), 6)
	stop := l.flow(100)
	for range 2 {
		l.run(l.patient(consumer.ProtocolAuto), l.to(nil))
	}
	l.shared()
	n, err := l.c.Leader(t.Context(), l.topic, 0)
	must(t, err)
	allowed := 0
	for _, m := range l.members {
		allowed += int(m.Explain().DuplicatesIfKilled)
	}
	must(t, n.Pause(t.Context()))
	time.Sleep(8 * time.Second)
	must(t, n.Unpause(t.Context()))
	stop()
	l.delivered(90 * time.Second)
	must(t, l.c.Heal(t.Context()))
	l.settled(allowed)
}
