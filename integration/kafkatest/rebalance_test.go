package kafkatest_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/consumer"
)

// Four members come one after the other and go again in good order, under load.
func TestMembersThatComeAndGoLoseNothingAndRepeatNothing(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]struct {
		protocol consumer.Protocol
		opts     []consumer.Option
	}{
		"classic cooperative": {protocol: consumer.ProtocolClassic},
		"classic eager":       {consumer.ProtocolClassic, []consumer.Option{consumer.WithClientOptions(kgo.Balancers(kgo.RangeBalancer()))}},
		"consumer":            {protocol: consumer.ProtocolConsumer},
		"auto":                {protocol: consumer.ProtocolAuto},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, shared(t, oneNode), 12)
			stop := l.flow(300)
			cfg := l.config(v.protocol)
			for range 4 {
				l.run(cfg, l.to(nil), v.opts...)
				time.Sleep(1500 * time.Millisecond)
			}
			l.until(30*time.Second, "every member has partitions", func() bool {
				for _, m := range l.members {
					if len(m.Explain().Partitions) == 0 {
						return false
					}
				}
				return true
			})
			for _, m := range l.members[:3] {
				if err := m.end(); err != nil {
					t.Error(err)
				}
				time.Sleep(time.Second)
			}
			stop()
			l.delivered(time.Minute)
			l.settled(0)
		})
	}
}
