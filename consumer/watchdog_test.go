//go:build synctests

package consumer_test

import (
	"context"
	"net"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weir-kafka/weir/consumer"
)

// refuser is a network in which one broker's machine refuses connections.
type refuser struct {
	net *kfake.VirtualNetwork

	mu      sync.Mutex
	dead    string
	conns   []net.Conn
	refused int
}

func (r *refuser) dial(ctx context.Context, network, address string) (net.Conn, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if address == r.dead {
		r.refused++
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	}
	conn, err := r.net.DialContext(ctx, network, address)
	if err == nil && conn.RemoteAddr() != nil {
		r.conns = append(r.conns, conn)
	}
	return conn, err
}

// die ends the connections and refuses those to address.
func (r *refuser) die(address string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.dead = address
	for _, conn := range r.conns {
		_ = conn.Close()
	}
	r.conns = nil
}

func (r *refuser) refusals() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.refused
}

// The client alone stays with the dead coordinator for ever: docs/upstream.md.
func TestAMemberWithoutPartitionsFindsTheNextCoordinator(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 100, 10)
		network := &refuser{net: &l.net}
		cfg := l.config()
		cfg.Kafka.Protocol = consumer.ProtocolConsumer
		owner := l.run(cfg, l.to(nil))
		l.until(time.Minute, "delivered", func() bool { return l.ledger.distinct() == 100 })
		idle := l.run(cfg, l.to(nil), consumer.WithClientOptions(kgo.Dialer(network.dial)))
		l.until(time.Minute, "joined", func() bool { return idle.Ready() == nil })
		time.Sleep(10 * time.Second)

		node, address := l.coordinator()
		network.die(address)
		if err := l.cluster.RemoveNode(node); err != nil {
			l.Fatal(err)
		}
		time.Sleep(40 * time.Second) // less than a session: it must not end meanwhile
		owner.mustEnd()
		l.until(time.Minute, "taken over", func() bool { return len(idle.Explain().Partitions) == 1 })
		idle.mustEnd()
		l.settled(1, 100)
	}, kfake.NumBrokers(3), kfake.Ports(19092, 19093, 19094))
}

// Heartbeats of a short session are a third of it apart, and those of a KIP-848 group as
// far as the broker says; none is answered at once.
func TestACoordinatorThatAnswersEveryHeartbeatIsNotSilent(t *testing.T) {
	for _, protocol := range []consumer.Protocol{consumer.ProtocolClassic, consumer.ProtocolConsumer} {
		for _, session := range []time.Duration{6 * time.Second, 9 * time.Second, 12 * time.Second, 45 * time.Second} {
			t.Run(string(protocol)+" "+session.String(), func(t *testing.T) {
				inLab(t, 1, func(l *lab) {
					for _, key := range []kmsg.Key{kmsg.Heartbeat, kmsg.ConsumerGroupHeartbeat} {
						l.cluster.ControlKey(int16(key), func(kmsg.Request) (kmsg.Response, error, bool) {
							l.cluster.KeepControl()
							time.Sleep(300 * time.Millisecond)
							return nil, nil, false
						})
					}
					cfg := l.config()
					cfg.Kafka.Protocol, cfg.Kafka.SessionTimeout = protocol, session
					var log logbook
					m := l.run(cfg, l.to(nil), log.logger())
					time.Sleep(10 * time.Minute)
					m.mustEnd()
					if got := log.lines("coordinator is silent"); len(got) > 0 {
						t.Errorf("said %d times, first: %s", len(got), got[0])
					}
				})
			})
		}
	}
}

// coordinator returns the node that coordinates the group, and its address.
func (l *lab) coordinator() (int32, string) {
	l.Helper()
	req := kmsg.NewPtrFindCoordinatorRequest()
	req.CoordinatorKey, req.CoordinatorKeys = group, []string{group}
	resp, err := req.RequestWith(l.Context(), l.client)
	if err != nil {
		l.Fatal(err)
	}
	if len(resp.Coordinators) != 1 {
		l.Fatal("no coordinator")
	}
	c := resp.Coordinators[0]
	return c.NodeID, net.JoinHostPort(c.Host, strconv.Itoa(int(c.Port)))
}
