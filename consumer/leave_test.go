//go:build synctests

package consumer_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weir-kafka/weir/consumer"
)

// A broker refuses the goodbye of a static member that does not name its instance, and
// then lets nobody of that name in until the session ends.
func TestAStaticMemberSaysGoodbyeByItsName(t *testing.T) {
	inLab(t, 2, func(l *lab) {
		var goodbyes []string
		l.cluster.ControlKey(int16(kmsg.ConsumerGroupHeartbeat), func(kreq kmsg.Request) (kmsg.Response, error, bool) {
			l.cluster.KeepControl()
			req := kreq.(*kmsg.ConsumerGroupHeartbeatRequest)
			if req.MemberEpoch != -2 {
				return nil, nil, false
			}
			if req.InstanceID == nil {
				resp := req.ResponseKind().(*kmsg.ConsumerGroupHeartbeatResponse)
				resp.ErrorCode = kerr.InvalidRequest.Code
				return resp, nil, true
			}
			goodbyes = append(goodbyes, *req.InstanceID)
			return nil, nil, false
		})
		cfg := l.config()
		cfg.Kafka.Protocol, cfg.Kafka.InstanceID = consumer.ProtocolConsumer, "first"
		l.produce(2, 50, 10)
		l.run(cfg, l.to(nil)).mustEndAfter(time.Second)
		if len(goodbyes) != 1 || goodbyes[0] != "first" {
			t.Errorf("goodbyes of %q, want of first", goodbyes)
		}
	})
}

// mustEndAfter is mustEnd after a while of work.
func (m *member) mustEndAfter(d time.Duration) {
	m.lab.Helper()
	time.Sleep(d)
	m.mustEnd()
}
