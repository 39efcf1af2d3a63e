package consumer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// errOut says that the partitions held here may be somebody else's.
var errOut = errors.New("the client has not said what this member owns")

// membershipPause is between two questions about the membership.
const membershipPause = 250 * time.Millisecond

// askMembership asks, each time that something is heard while calls are held, whether
// this member is one still, and lets calls begin if it is. What the client hears it
// keeps to itself: a broker that is no coordinator answers too, and the answer to a
// join may be that the member is out, after which the client joins as another and
// keeps what it holds until it is told its share.
func (c *Consumer) askMembership(ctx context.Context) {
	f := &c.watchdog.fence
	for {
		select {
		case <-f.news:
		case <-ctx.Done():
			return
		}
		if !f.shut() {
			continue
		}
		sent := c.now()
		if err := c.isMember(ctx); err == nil {
			f.confirmed(sent)
		} else {
			c.log.Debug("the group does not say that this is a member", "err", err)
		}
		pause(ctx, membershipPause)
	}
}

// membership is what the client is in its group.
func (c *Consumer) membership() (member string, epoch int32) {
	select {
	case <-c.started:
		return c.client.GroupMetadata()
	default: // it is being made
		return "", -1
	}
}

// isMember returns nil if the coordinator knows this member, and has taken nothing
// from it of which it does not know.
func (c *Consumer) isMember(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, c.watchdog.fence.session/3)
	defer cancel()
	member, epoch := c.client.GroupMetadata()
	if as := c.ownedAs.Load(); as == nil || *as != member {
		return errOut
	}
	if c.cfg.Kafka.Protocol == ProtocolConsumer {
		return c.isConsumerMember(ctx, member, epoch)
	}
	req := kmsg.NewPtrHeartbeatRequest()
	req.Group, req.MemberID, req.Generation = c.cfg.Kafka.Group, member, epoch
	if c.cfg.Kafka.InstanceID != "" {
		req.InstanceID = &c.cfg.Kafka.InstanceID
	}
	resp, err := req.RequestWith(ctx, c.client)
	if err != nil {
		return fmt.Errorf("asking whether %s is a member: %w", member, err)
	}
	if err = kerr.ErrorForCode(resp.ErrorCode); errors.Is(err, kerr.RebalanceInProgress) {
		return nil
	}
	return err
}

// isConsumerMember is isMember in a KIP-848 group. Its heartbeats carry what is to be
// assigned, so that no other than the client may send them; but a member that asks
// for offsets is looked up as well.
func (c *Consumer) isConsumerMember(ctx context.Context, member string, epoch int32) error {
	req := kmsg.NewPtrOffsetFetchRequest()
	g := kmsg.NewOffsetFetchRequestGroup()
	g.Group, g.MemberID, g.MemberEpoch, g.Topics = c.cfg.Kafka.Group, &member, epoch, []kmsg.OffsetFetchRequestGroupTopic{}
	req.Groups = append(req.Groups, g)
	resp, err := req.RequestWith(ctx, c.client)
	if err != nil {
		return fmt.Errorf("asking whether %s is a member: %w", member, err)
	}
	for i := range resp.Groups {
		if err = kerr.ErrorForCode(resp.Groups[i].ErrorCode); err != nil {
			return err
		}
	}
	return kerr.ErrorForCode(resp.ErrorCode)
}
