//go:build synctests

package consumer_test

import (
	"context"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/handlers"
)

// silence is a network that can stop carrying what is written: nobody is told, and
// it arrives once the network carries again.
type silence struct {
	net *kfake.VirtualNetwork

	mu     sync.Mutex
	cut    chan struct{} // closed when it carries again; nil while it carries
	silent []*silentConn
}

type silentConn struct {
	net.Conn
	silence *silence
	unsent  []byte
}

func (n *silence) dial(ctx context.Context, network, address string) (net.Conn, error) {
	n.mu.Lock()
	cut := n.cut
	n.mu.Unlock()
	if cut != nil {
		select {
		case <-cut:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	conn, err := n.net.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	c := &silentConn{Conn: conn, silence: n}
	n.silent = append(n.silent, c)
	return c, nil
}

func (c *silentConn) Write(b []byte) (int, error) {
	c.silence.mu.Lock()
	if c.silence.cut != nil {
		c.unsent = append(c.unsent, b...)
		c.silence.mu.Unlock()
		return len(b), nil
	}
	c.silence.mu.Unlock()
	return c.Conn.Write(b)
}

func (n *silence) begin() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut = make(chan struct{})
}

func (n *silence) end() {
	n.mu.Lock()
	conns := n.silent
	close(n.cut)
	n.cut = nil
	n.mu.Unlock()
	for _, c := range conns {
		if len(c.unsent) > 0 {
			_, _ = c.Conn.Write(c.unsent)
			c.unsent = nil
		}
	}
}

const session = 15 * time.Second

// cutOff runs a member that can be cut off from the broker, with a call of a second
// a record, and another that waits to take over; and cuts the first off.
func cutOff(l *lab, protocol consumer.Protocol, slow func(own *ledger) consumer.Pipeline) (cut, other *member, own *ledger, network *silence, at time.Time) {
	l.produce(1, 120, 120)
	network = &silence{net: &l.net}
	own = newLedger()
	cfg := l.config()
	cfg.Kafka.Protocol, cfg.Kafka.SessionTimeout = protocol, session
	cut = l.run(cfg, slow(own), consumer.WithClientOptions(kgo.Dialer(network.dial)), consumer.WithHandlers(1))
	l.until(time.Minute, "at work", func() bool { return own.distinct() > 3 })
	other = l.run(cfg, l.to(nil))
	l.until(time.Minute, "joined", func() bool { return other.Ready() == nil })
	time.Sleep(3500 * time.Millisecond)
	network.begin()
	return cut, other, own, network, time.Now()
}

func slowWrites(own *ledger) consumer.Pipeline {
	own.unordered = true
	p := consumer.Pipeline{Sink: consumer.Output{Sink: newSlowSink(own, 1, time.Second)}}
	p.Sink.Limit.Fixed = 1
	return p
}

func slowHandler(own *ledger) consumer.Pipeline {
	return consumer.Pipeline{Sink: consumer.Output{Sink: own}, Handler: handlers.Func(
		func(_ context.Context, rec *handlers.Record, emit handlers.Emit) error {
			time.Sleep(time.Second)
			emit(rec.Message())
			return nil
		})}
}

// A member that is cut off from the brokers, but not from its sink, begins nothing
// once its session may be over, whatever it holds.
func TestAMemberThatIsCutOffBeginsNothingAfterItsSession(t *testing.T) {
	for _, try := range []struct {
		protocol consumer.Protocol
		name     string
		slow     func(*ledger) consumer.Pipeline
	}{
		{consumer.ProtocolClassic, "writes", slowWrites}, {consumer.ProtocolClassic, "handlers", slowHandler},
		{consumer.ProtocolConsumer, "writes", slowWrites}, {consumer.ProtocolConsumer, "handlers", slowHandler},
	} {
		t.Run(string(try.protocol)+" "+try.name, func(t *testing.T) {
			inLab(t, 1, func(l *lab) {
				cut, other, own, network, at := cutOff(l, try.protocol, try.slow)
				l.until(2*time.Minute, "taken over and done", func() bool { return l.committed(0) == 120 })
				time.Sleep(time.Minute)
				own.mu.Lock()
				late := 0
				for _, e := range own.effects {
					if e.at.After(at.Add(session + 2*time.Second)) { // a handler and a write may be under way
						late++
					}
				}
				own.mu.Unlock()
				if late > 0 {
					l.Errorf("%d effects of calls that began after the session, want 0", late)
				}
				if r := cut.Explain(); r.State == consumer.StateOpen {
					l.Errorf("state %s for %v, want held", r.State, r.Reasons)
				}
				network.end()
				l.until(time.Minute, "back", func() bool { return cut.Explain().State == consumer.StateOpen })
				l.produce(1, 10, 10)
				other.mustEnd()
				l.until(time.Minute, "goes on", func() bool { return l.committed(0) == 130 })
				cut.mustEnd()
			})
		})
	}
}

// One that comes back in time goes on with what it holds, and nothing is repeated.
func TestAMemberThatIsCutOffForLessThanItsSessionRepeatsNothing(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		cut, other, own, network, _ := cutOff(l, consumer.ProtocolClassic, slowWrites)
		time.Sleep(4 * time.Second)
		network.end()
		l.until(4*time.Minute, "done", func() bool { return l.committed(0) == 120 })
		cut.mustEnd()
		other.mustEnd()
		if got := l.ledger.distinct(); got != 0 {
			l.Errorf("the other member was given %d records, want 0", got)
		}
		if got, again := own.distinct(), own.duplicates(); got != 120 || again != 0 {
			l.Errorf("%d records and %d again, want 120 and 0", got, again)
		}
	})
}
