package proof

import (
	"context"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weir-kafka/weir/consumer"
)

// expired is the reason with which the trial takes a member out of its group.
const expired = "the session has ended"

// neverEnds is a session timeout beyond every trial, in milliseconds.
const neverEnds = 24 * 60 * 60 * 1000

// hear notes that a member of the group is there.
func (w *wire) hear(member string) {
	if member == "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.heard[member] = time.Now()
}

// silent reports whether nothing was heard of a member for longer than its
// session. One that waits for the group is not silent, as long as its connection
// stands.
func (w *wire) silent(member, client string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	at, known := w.heard[member]
	if !known {
		w.heard[member] = time.Now()
	}
	if !known || time.Since(at) <= w.session+scrape {
		return false
	}
	for c := range w.conns {
		if c.waits(member, client) {
			return false
		}
	}
	return true
}

// waits reports whether the member waits for an answer of the group.
func (c *brokerConn) waits(member, client string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.pending, func(r request) bool {
		return r.waits && (r.member == member || r.member == "" && clientName(r.instance) == client)
	})
}

// hush lets a request to join wait while the group is to be left in peace.
func (c *brokerConn) hush() {
	c.wire.mu.Lock()
	left := time.Until(c.wire.quiet)
	c.wire.mu.Unlock()
	t := time.NewTimer(left)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.closed:
	}
}

// groupTimes is what passes in place of the brokers: those of kfake (2026-09-18)
// do it wrongly. In a classic group they end the session of a member that waits to
// join, and never answer it; and a member whose connection ends while it waits has
// none. In a KIP-848 group a static member that has left for a while has none. Then
// others wait, for good. So no session of a classic group ends by itself, see open,
// and all end here.
//
// A rebalance ends by its timeout or when all have joined. kfake forgets one that
// joins again while its sync waits, and each that joins begins the timeout anew: it
// may never end. So nobody joins for that long when it takes too long.
// docs/upstream.md has all of these.
type groupTimes struct {
	epoch int32     // of the rebalance that goes on
	since time.Time // it does, zero for none
}

// expire ends sessions that are over, and rebalances that do not end.
func (t *trial) expire(ctx context.Context, times *groupTimes) {
	g := t.cluster.GroupInfo(group)
	if g == nil || t.wire.hushed() {
		return
	}
	switch {
	case g.State != "PreparingRebalance":
		*times = groupTimes{}
	case times.since.IsZero() || times.epoch != g.Epoch:
		*times = groupTimes{g.Epoch, time.Now()}
	case time.Since(times.since) > 3*rebalanceTimeout:
		t.wire.hold(rebalanceTimeout + scrape)
		*times = groupTimes{}
		return
	}
	ctx, cancel := context.WithTimeout(ctx, scrape)
	defer cancel()
	for _, m := range g.Members {
		if t.wire.silent(m.MemberID, m.ClientID) {
			_, _ = t.writer.client.Broker(int(t.cluster.CoordinatorFor(group))).Request(ctx, t.leaving(m)) // or a second later
		}
	}
}

func (w *wire) hushed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return time.Now().Before(w.quiet)
}

func (w *wire) hold(lasts time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.quiet = time.Now().Add(lasts)
}

// leaving is the request that a member would make.
func (t *trial) leaving(m kfake.GroupMember) kmsg.Request {
	why := expired
	if t.s.protocol == consumer.ProtocolConsumer {
		req := kmsg.NewPtrConsumerGroupHeartbeatRequest()
		req.Group, req.MemberID, req.MemberEpoch, req.InstanceID, req.RackID = group, m.MemberID, -1, m.InstanceID, &why
		return req
	}
	req := kmsg.NewPtrLeaveGroupRequest()
	req.Group = group
	one := kmsg.NewLeaveGroupRequestMember()
	one.MemberID, one.InstanceID, one.Reason = m.MemberID, m.InstanceID, &why
	req.Members = append(req.Members, one)
	return req
}

// expires reports whether a request comes from expire: it is no fault's business.
func expires(req kmsg.Request) bool {
	var why *string
	switch r := req.(type) {
	case *kmsg.LeaveGroupRequest:
		if len(r.Members) > 0 {
			why = r.Members[0].Reason
		}
	case *kmsg.ConsumerGroupHeartbeatRequest:
		why = r.RackID
	}
	return why != nil && *why == expired
}
