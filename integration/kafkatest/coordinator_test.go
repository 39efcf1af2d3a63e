package kafkatest_test

import (
	"testing"
	"time"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/integration/kafkatest"
)

// standby runs two members on one partition and returns them, the one without it last.
func (l *lab) standby(cfg consumer.Config) (owner, idle *member) {
	l.Helper()
	a, b := l.run(cfg, l.to(nil)), l.run(cfg, l.to(nil))
	l.until(30*time.Second, "one member has the partition and the other has joined", func() bool {
		return a.Ready() == nil && b.Ready() == nil && len(a.Explain().Partitions)+len(b.Explain().Partitions) == 1
	})
	if len(b.Explain().Partitions) == 1 {
		a, b = b, a
	}
	return a, b
}

// A member without partitions sends nothing but heartbeats. When its coordinator is
// gone, it must find the next one, or it never takes over.
func TestAMemberWithoutPartitionsOutlivesItsCoordinator(t *testing.T) {
	t.Parallel()
	for _, protocol := range []consumer.Protocol{consumer.ProtocolClassic, consumer.ProtocolConsumer} {
		for name, fault := range map[string]func(*kafkatest.Node, *testing.T){
			"killed": func(n *kafkatest.Node, t *testing.T) { must(t, n.Kill(t.Context())) },
			"frozen": func(n *kafkatest.Node, t *testing.T) { must(t, n.Pause(t.Context())) },
		} {
			t.Run(string(protocol)+" "+name, func(t *testing.T) {
				t.Parallel()
				l := newLab(t, shared(t, threeNodes), 1)
				l.produce(1000)
				owner, idle := l.standby(l.patient(protocol))
				l.delivered(30 * time.Second)
				allowed := 0
				if name == "frozen" { // the owner's session may end before it finds the next coordinator
					allowed = int(owner.Explain().DuplicatesIfKilled)
				}
				old, err := l.c.Coordinator(t.Context(), l.group)
				must(t, err)
				fault(old, t)
				l.produce(1000)
				l.delivered(90 * time.Second)
				time.Sleep(5 * time.Second)
				if name == "frozen" {
					allowed += int(owner.Explain().DuplicatesIfKilled)
				}
				start := time.Now()
				owner.stop()
				l.produce(1000)
				l.until(60*time.Second, "the other takes over", func() bool { return len(idle.Explain().Partitions) == 1 })
				l.delivered(30 * time.Second)
				t.Logf("taken over after %.1fs, without the old coordinator", time.Since(start).Seconds())
				must(t, l.c.Heal(t.Context()))
				l.settled(allowed)
			})
		}
	}
}
