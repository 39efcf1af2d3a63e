package proof

import (
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weir-kafka/weir/integration/ledger"
)

// ear notes what a member hears of its group.
type ear struct{ m *member }

var _ kgo.HookBrokerE2E = ear{}

// OnBrokerE2E implements kgo.HookBrokerE2E.
func (h ear) OnBrokerE2E(_ kgo.BrokerMetadata, key int16, e2e kgo.BrokerE2E) {
	switch kmsg.Key(key) {
	case kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat, kmsg.ConsumerGroupHeartbeat:
	default:
		return
	}
	if l := h.m.log; e2e.Err() == nil {
		l.Add(ledger.Event{Kind: ledger.Heard, Instance: h.m.n, Began: l.Now() - e2e.DurationE2E()})
	}
}
