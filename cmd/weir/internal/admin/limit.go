package admin

import (
	"net"
	"sync"
)

// limited accepts only as many connections as there is room for; others wait in
// the system's backlog.
type limited struct {
	net.Listener
	room   chan struct{}
	closed chan struct{}
	once   sync.Once
}

func limit(ln net.Listener, n int) *limited {
	return &limited{Listener: ln, room: make(chan struct{}, n), closed: make(chan struct{})}
}

// Accept waits for room first.
func (l *limited) Accept() (net.Conn, error) {
	select {
	case l.room <- struct{}{}:
	case <-l.closed:
		return nil, net.ErrClosed
	}
	c, err := l.Listener.Accept()
	if err != nil {
		<-l.room
		return nil, err
	}
	return &held{Conn: c, free: sync.OnceFunc(func() { <-l.room })}, nil
}

// Close also wakes an Accept that waits for room.
func (l *limited) Close() error {
	l.once.Do(func() { close(l.closed) })
	return l.Listener.Close()
}

// held is a connection that gives its room back once.
type held struct {
	net.Conn
	free func()
}

// Close implements net.Conn.
func (h *held) Close() error {
	defer h.free()
	return h.Conn.Close()
}
