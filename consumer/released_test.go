//go:build synctests

package consumer_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weir-kafka/weir/consumer"
)

// While its metadata has an error the client says that it owns nothing, and what is
// to be revoked goes to the next owner without a wait: docs/upstream.md.
func TestWhatIsRevokedWithANewEpochIsLost(t *testing.T) {
	inLab(t, 2, func(l *lab) {
		l.produce(2, 10, 1)
		gate := make(chan struct{})
		waits := l.to(allStuck(gate))
		cfg := l.config()
		cfg.Kafka.Protocol = consumer.ProtocolConsumer
		first := l.run(cfg, waits, consumer.WithClientOptions(kgo.MetadataMaxAge(time.Second), kgo.MetadataMinAge(100*time.Millisecond)))
		l.until(time.Minute, "two partitions", func() bool { return len(first.Explain().Partitions) == 2 })
		second := l.run(cfg, waits)
		l.until(time.Minute, "joined", func() bool { return second.Ready() == nil })
		fault := l.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Metadata}, Err: kerr.UnknownTopicOrPartition, Count: 1000})
		l.until(time.Minute, "one partition", func() bool { return len(second.Explain().Partitions) == 1 })
		if got := len(first.Explain().Partitions); got != 1 {
			t.Errorf("the member still has %d partitions, one of which is another's; want 1", got)
		}
		fault.Remove()
		close(gate)
		l.until(time.Minute, "delivered", func() bool { return l.ledger.distinct() == 20 })
		first.mustEnd()
		second.mustEnd()
		l.settled(2, 10)
	})
}
