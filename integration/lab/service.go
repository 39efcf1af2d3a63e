package lab

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/weir-kafka/weir/integration/ledger"
)

// Mood is how the service treats a call. One that neither takes nor refuses
// answers that all is well and has no effect, which is a loss.
type Mood func(c *Call)

// service takes the effects. It outlives the processes under test and notes what
// it took, in order.
type service struct {
	lab   *Lab
	mood  atomic.Pointer[Mood]
	taken atomic.Int64
	calls atomic.Int64

	mu      sync.Mutex // an effect and the death of a member exclude each other
	unknown map[int64]closing
}

// closing is the end of a connection after which nothing shows that the answer to
// its last request was read.
type closing struct {
	at       time.Time
	instance int
}

// conn is what is known of a connection. Another request on it says that the
// answer before was read.
type conn struct {
	net.Conn

	mu       sync.Mutex
	last     []int64 // effects of the last request
	instance int
}

type connKey struct{}

// serve runs the service and returns its address.
func (s *service) serve(ctx context.Context) (address string, end func(), err error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", nil, err
	}
	var conns sync.Map // of net.Conn to *conn
	srv := &http.Server{
		Handler: s, ReadHeaderTimeout: time.Minute,
		ConnContext: func(ctx context.Context, nc net.Conn) context.Context {
			c := &conn{Conn: nc}
			conns.Store(nc, c)
			return context.WithValue(ctx, connKey{}, c)
		},
		ConnState: func(nc net.Conn, state http.ConnState) {
			if state == http.StateClosed || state == http.StateHijacked {
				if c, ok := conns.LoadAndDelete(nc); ok {
					s.closed(c.(*conn))
				}
			}
		},
	}
	go func() { _ = srv.Serve(ln) }()
	return "http://" + ln.Addr().String(), func() { _ = srv.Close() }, nil
}

func (s *service) closed(c *conn) {
	c.mu.Lock()
	defer c.mu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, id := range c.last {
		s.unknown[id] = closing{time.Now(), c.instance}
	}
	c.last = nil
}

// Call is a request: a message or lines of messages.
type Call struct {
	// Slow says that the slow key is in it.
	Slow bool
	// Messages is how many there are.
	Messages int

	s      *service
	w      http.ResponseWriter
	r      *http.Request
	conn   *conn
	member *Member
	began  time.Duration
	events []ledger.Event
	poison bool
}

// ServeHTTP implements http.Handler.
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	n, err := strconv.Atoi(strings.TrimPrefix(r.URL.Path, "/"))
	m := s.lab.member(n)
	if err != nil || m == nil {
		http.NotFound(w, r)
		return
	}
	c := &Call{s: s, w: w, r: r, member: m, began: s.lab.Log.Now()}
	if c.conn, _ = r.Context().Value(connKey{}).(*conn); c.conn == nil {
		http.Error(w, "no connection", http.StatusInternalServerError)
		return
	}
	c.conn.mu.Lock()
	c.conn.last, c.conn.instance = nil, n
	c.conn.mu.Unlock()
	s.lab.journal.sync()
	if err := c.read(); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	s.calls.Add(1)
	(*s.mood.Load())(c)
}

// read makes an effect of each line, which has none yet.
func (c *Call) read() error {
	b, err := io.ReadAll(c.r.Body)
	if err != nil {
		return err // it was not sent whole
	}
	for line := range bytes.Lines(b) {
		var m struct {
			at
			Poison bool `json:"poison"`
		}
		dec := json.NewDecoder(bytes.NewReader(line))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&m); err != nil {
			return err
		}
		p := ledger.Partition{Topic: Topic, Partition: m.Partition}
		c.poison = c.poison || m.Poison
		c.Slow = c.Slow || m.Key == SlowKey
		c.events = append(c.events, ledger.Event{
			Kind: ledger.Effect, Instance: c.member.N, Session: c.s.lab.sessions.Of(c.member.N, p), Partition: p, Offset: m.Offset,
			Key: m.Key, Hash: c.s.lab.producer.records.hash(m.at), Outcome: ledger.Delivered, Began: c.began,
		})
	}
	if c.Messages = len(c.events); c.Messages == 0 {
		return errors.New("nothing is in it")
	}
	return nil
}

// Take has the effects of the first n messages, all at once. With poison among them
// all is refused, for good, and it returns false; so it does when the caller is
// gone.
func (c *Call) Take(n int) bool {
	if c.poison {
		c.w.WriteHeader(http.StatusUnprocessableEntity)
		return false
	}
	took := c.events[:n]
	for i := range took {
		took[i].ID = c.s.lab.Log.ID()
	}
	c.conn.mu.Lock()
	defer c.conn.mu.Unlock()
	c.s.mu.Lock()
	defer c.s.mu.Unlock()
	if c.conn.gone() || c.member.dead {
		return false
	}
	for i := range took {
		c.conn.last = append(c.conn.last, took[i].ID)
	}
	c.s.lab.Log.Add(took...)
	c.s.taken.Add(int64(n))
	return true
}

// gone reports whether the caller has ended the connection. It does that before it
// tries again, so that nothing has its effect after its own repetition. The server
// notices too, but when it comes to it.
func (c *conn) gone() bool {
	raw, err := c.Conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return true
	}
	n := 0
	var peeked error
	if err := raw.Control(func(fd uintptr) {
		n, _, peeked = syscall.Recvfrom(int(fd), make([]byte, 1), syscall.MSG_PEEK|syscall.MSG_DONTWAIT) //nolint:gosec // a descriptor
	}); err != nil {
		return true
	}
	return n == 0 && !errors.Is(peeked, syscall.EAGAIN)
}

// Refuse answers with code, and with Retry-After for whole seconds of after.
func (c *Call) Refuse(code int, after time.Duration) {
	if after > 0 {
		c.w.Header().Set("Retry-After", strconv.Itoa(int(after.Seconds())))
	}
	c.w.WriteHeader(code)
}

// Cut ends the connection without an answer.
func (c *Call) Cut() {
	nc, _, err := http.NewResponseController(c.w).Hijack()
	if err != nil {
		return
	}
	if tcp, ok := nc.(*net.TCPConn); ok {
		_ = tcp.SetLinger(0) // a reset
	}
	_ = nc.Close()
}

// Wait returns after d, or when the caller is gone.
func (c *Call) Wait(d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.r.Context().Done():
	}
}
