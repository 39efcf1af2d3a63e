package consumer

import (
	"context"
	"errors"
	"fmt"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// leaveStatic is the epoch by which a static member of a KIP-848 group says that it
// will be back: the broker keeps its partitions for it until the session ends.
const leaveStatic = -2

// leave leaves the group. The client leaves the instance id of a static member of a
// KIP-848 group out of its goodbye, which the broker then refuses: the next process
// of that name would not be let in before the session ends. So it is said again in
// full; see docs/upstream.md.
func (c *Consumer) leave(ctx context.Context) error {
	member, _ := c.client.GroupMetadata()
	err := c.client.LeaveGroupContext(ctx)
	if c.cfg.Kafka.InstanceID == "" || !errors.Is(err, kerr.InvalidRequest) {
		return err
	}
	req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
	req.Group, req.MemberID, req.MemberEpoch, req.InstanceID = c.cfg.Kafka.Group, member, leaveStatic, &c.cfg.Kafka.InstanceID
	resp, err := req.RequestWith(ctx, c.client)
	if err != nil {
		return fmt.Errorf("leaving as %s: %w", c.cfg.Kafka.InstanceID, err)
	}
	return kerr.ErrorForCode(resp.ErrorCode)
}
