package kafkatest_test

import (
	"context"
	"errors"
	"net"
	"sync"

	"github.com/weir-kafka/weir/sink"
)

// cutter is a network that can be cut off.
type cutter struct {
	mu    sync.Mutex
	isoff bool
	conns []net.Conn
}

var errCut = errors.New("cut off")

func (c *cutter) dial(ctx context.Context, network, address string) (net.Conn, error) {
	if c.isCut() {
		return nil, errCut
	}
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	c.mu.Lock()
	defer c.mu.Unlock()
	if err == nil {
		if c.isoff {
			_ = conn.Close()
			return nil, errCut
		}
		c.conns = append(c.conns, conn)
	}
	return conn, err
}

func (c *cutter) cut(off bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.isoff = off
	if off {
		for _, conn := range c.conns {
			_ = conn.Close()
		}
		c.conns = nil
	}
}

func (c *cutter) isCut() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.isoff
}

// cutSink is a sink behind that network. A write that is under way when it is cut
// still has its effect, like one that a process had sent before it was killed.
type cutSink struct {
	net  *cutter
	sink sink.Sink
}

func (s cutSink) Write(ctx context.Context, batch []sink.Message) error {
	if s.net.isCut() {
		return errCut
	}
	return s.sink.Write(ctx, batch)
}
