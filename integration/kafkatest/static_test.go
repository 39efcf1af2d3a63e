package kafkatest_test

import (
	"testing"
	"time"

	"github.com/weir-kafka/weir/consumer"
)

// A static member that is restarted within its session gets its partitions back, and
// the others do not notice.
func TestAStaticMemberThatRestartsCausesNoRebalance(t *testing.T) {
	t.Parallel()
	for _, protocol := range []consumer.Protocol{consumer.ProtocolClassic, consumer.ProtocolConsumer} {
		t.Run(string(protocol), func(t *testing.T) {
			t.Parallel()
			l := newLab(t, shared(t, oneNode), 6)
			stop := l.flow(100)
			config := func(name string) consumer.Config {
				cfg := l.config(protocol)
				cfg.Kafka.InstanceID = name
				cfg.Kafka.SessionTimeout = 20 * time.Second
				return cfg
			}
			stays, goes := l.run(config("stays"), l.to(nil)), l.run(config("goes"), l.to(nil))
			l.shared()
			time.Sleep(2 * time.Second)
			before, had := stays.Explain().Rebalances, len(goes.Explain().Partitions)
			must(t, goes.end())
			again := l.run(config("goes"), l.to(nil))
			l.until(30*time.Second, "its partitions are back", func() bool { return len(again.Explain().Partitions) == had })
			time.Sleep(3 * time.Second)
			if got := stays.Explain().Rebalances - before; got != 0 {
				t.Errorf("the other member saw %d rebalances, want 0", got)
			}
			stop()
			l.delivered(time.Minute)
			l.settled(0)
		})
	}
}
