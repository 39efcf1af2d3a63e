package proof

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// link is a member's way to the brokers.
type link struct {
	wire *wire

	mu     sync.Mutex
	conns  map[*memberConn]bool
	dead   bool
	healed chan struct{} // not nil while it is cut
	thawed chan struct{} // not nil while it is frozen
}

func newLink(w *wire) *link { return &link{wire: w, conns: map[*memberConn]bool{}} }

var errDead = errors.New("the process is dead")

// DialContext is for the client. While the link is cut or frozen it waits, as for
// a host that does not answer.
func (l *link) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	l.mu.Lock()
	dead, healed, thawed := l.dead, l.healed, l.thawed
	l.mu.Unlock()
	if dead {
		return nil, errDead
	}
	for _, c := range []chan struct{}{healed, thawed} {
		if c == nil {
			continue
		}
		select {
		case <-c:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	conn, err := l.wire.virtual.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead || l.healed != nil {
		_ = conn.Close()
		return nil, errDead
	}
	c := &memberConn{Conn: conn, link: l, closed: make(chan struct{}), read: newTerm(), write: newTerm()}
	l.conns[c] = true
	return c, nil
}

// snap ends the connections that there are.
func (l *link) snap() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.snapLocked()
}

func (l *link) snapLocked() {
	for c := range l.conns {
		c.end()
	}
	clear(l.conns)
}

func (l *link) kill() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dead = true
	open(&l.healed)
	l.snapLocked()
	open(&l.thawed)
}

// open ends a wait, and reports whether there was one.
func open(c *chan struct{}) bool {
	if *c == nil {
		return false
	}
	close(*c)
	*c = nil
	return true
}

// cut ends the connections, and lets none begin.
func (l *link) cut() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.dead || l.healed != nil {
		return
	}
	l.healed = make(chan struct{})
	l.snapLocked()
}

// heal reports whether the link was cut.
func (l *link) heal() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return open(&l.healed)
}

// freeze lets nothing through in either direction, and tells nobody.
func (l *link) freeze() {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.dead && l.thawed == nil {
		l.thawed = make(chan struct{})
	}
}

// thaw reports whether the link was frozen.
func (l *link) thaw() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return open(&l.thawed)
}

func (l *link) frozen() chan struct{} {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.thawed
}

// memberConn is a connection as a member sees it.
type memberConn struct {
	net.Conn
	link        *link
	closing     sync.Once
	closed      chan struct{}
	read, write *term
}

// Read implements net.Conn.
func (c *memberConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	if held := c.hold(c.read); held != nil {
		return 0, held
	}
	return n, err
}

// Write implements net.Conn.
func (c *memberConn) Write(p []byte) (int, error) {
	if err := c.hold(c.write); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// hold waits while the link is frozen.
func (c *memberConn) hold(t *term) error {
	for {
		thawed := c.link.frozen()
		if thawed == nil {
			return nil
		}
		over, changed := t.now()
		select {
		case <-thawed:
		case <-c.closed:
			return net.ErrClosed
		case <-over:
			return os.ErrDeadlineExceeded
		case <-changed:
		}
	}
}

// SetDeadline implements net.Conn.
func (c *memberConn) SetDeadline(t time.Time) error {
	c.read.set(t)
	c.write.set(t)
	return c.Conn.SetDeadline(t)
}

// SetReadDeadline implements net.Conn.
func (c *memberConn) SetReadDeadline(t time.Time) error {
	c.read.set(t)
	return c.Conn.SetReadDeadline(t)
}

// SetWriteDeadline implements net.Conn.
func (c *memberConn) SetWriteDeadline(t time.Time) error {
	c.write.set(t)
	return c.Conn.SetWriteDeadline(t)
}

// Close implements net.Conn.
func (c *memberConn) Close() error {
	c.link.mu.Lock()
	delete(c.link.conns, c)
	c.link.mu.Unlock()
	c.end()
	return nil
}

func (c *memberConn) end() {
	c.closing.Do(func() { close(c.closed) })
	_ = c.Conn.Close()
}

// term is a deadline that may be moved while it is waited for.
type term struct {
	mu      sync.Mutex
	at      time.Time // zero for none
	changed chan struct{}
}

func newTerm() *term { return &term{changed: make(chan struct{})} }

func (t *term) set(at time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.at = at
	close(t.changed)
	t.changed = make(chan struct{})
}

func (t *term) now() (over <-chan time.Time, changed chan struct{}) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.at.IsZero() {
		return nil, t.changed
	}
	return time.After(time.Until(t.at)), t.changed
}
