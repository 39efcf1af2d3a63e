package proof

import (
	"encoding/binary"
	"errors"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weir-kafka/weir/integration/ledger"
)

// firstPort is that of node 0.
const firstPort = 19092

// wire is the network between members and brokers. It stands on the brokers'
// side: it sees what they get, and what they answer is applied already.
//
// An answer takes a little time, always: the client asks again without a pause
// when one partition of a fetch has moved and its metadata is on its way (see
// docs/upstream.md), and where nothing takes time that goes on for good.
type wire struct {
	virtual kfake.VirtualNetwork
	commits *ledger.Commits
	takes   time.Duration // of an answer at least
	session time.Duration

	mu      sync.Mutex
	conns   map[*brokerConn]bool
	delays  map[int32][]delay
	drops   map[call]int // replies to drop
	dropped map[call]int64
	heard   map[string]time.Time // when a member of the group was heard last
	quiet   time.Time            // nobody joins before that
}

// delay holds back a broker's answers for a while.
type delay struct {
	by    time.Duration
	until time.Time
}

func newWire(s *scenario) *wire {
	return &wire{takes: s.answers, session: s.session(), conns: map[*brokerConn]bool{}, delays: map[int32][]delay{}, drops: map[call]int{}, dropped: map[call]int64{}, heard: map[string]time.Time{}}
}

// Listen is for the brokers.
func (w *wire) Listen(network, address string) (net.Listener, error) {
	ln, err := w.virtual.Listen(network, address)
	if err != nil {
		return nil, err
	}
	_, port, _ := net.SplitHostPort(ln.Addr().String())
	n, err := strconv.Atoi(port)
	return &brokerListener{ln, w, int32(n - firstPort)}, err //nolint:gosec // a few
}

type brokerListener struct {
	net.Listener
	wire *wire
	node int32
}

// Accept implements net.Listener.
func (l *brokerListener) Accept() (net.Conn, error) {
	conn, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	c := &brokerConn{Conn: conn, wire: l.wire, node: l.node, closed: make(chan struct{})}
	l.wire.mu.Lock()
	defer l.wire.mu.Unlock()
	l.wire.conns[c] = true
	return c, nil
}

// disconnect ends the connections of a broker.
func (w *wire) disconnect(node int32) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for c := range w.conns {
		if c.node == node {
			c.end()
		}
	}
}

func (w *wire) slow(node int32, by, lasts time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.delays[node] = append(w.delays[node], delay{by, time.Now().Add(lasts)})
}

func (w *wire) drop(c call, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.drops[c] += n
}

// calm ends every fault.
func (w *wire) calm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	clear(w.delays)
	clear(w.drops)
}

// fate is what becomes of an answer.
func (w *wire) fate(r request, node int32) (by time.Duration, drop bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	by = w.takes
	if r.instance == 0 {
		return by, false
	}
	for _, d := range w.delays[node] {
		if time.Now().Before(d.until) {
			by = max(by, d.by)
		}
	}
	if w.drops[r.call] > 0 {
		w.drops[r.call]--
		w.dropped[r.call]++
		return by, true
	}
	return by, false
}

// request is what a broker is answering. A connection has one at a time.
type request struct {
	call
	version  int16
	instance int    // 0 for none of ours
	member   string // that says with it that it is there
	waits    bool   // it may be answered late: the group waits for others
	commit   *kmsg.OffsetCommitRequest
}

// brokerConn is a connection as its broker sees it.
type brokerConn struct {
	net.Conn
	wire *wire
	node int32
	in   []byte // of a request that is being read

	closing sync.Once
	closed  chan struct{}

	mu      sync.Mutex
	pending []request
}

// Read implements net.Conn.
func (c *brokerConn) Read(p []byte) (int, error) {
	n, err := c.Conn.Read(p)
	c.in = append(c.in, p[:n]...)
	if len(c.in) >= 4 && len(c.in) == 4+int(binary.BigEndian.Uint32(c.in)) {
		r := parse(c.in[4:])
		c.in = c.in[:0]
		if r.commit != nil && r.instance > 0 {
			c.wire.commits.Member(r.commit.MemberID, r.instance)
		}
		if r.commit != nil {
			c.wire.commits.Arrived(r.commit)
		}
		c.wire.hear(r.member)
		if r.key == kmsg.JoinGroup {
			c.hush()
		}
		c.mu.Lock()
		c.pending = append(c.pending, r)
		c.mu.Unlock()
	}
	return n, err
}

// clientName is the client id of an instance.
func clientName(instance int) string { return "weir-" + strconv.Itoa(instance) }

func parse(frame []byte) (r request) {
	b := kbin.Reader{Src: frame}
	r.key, r.version = kmsg.Key(b.Int16()), b.Int16()
	b.Int32()
	if id := b.NullableString(); id != nil {
		r.instance, _ = strconv.Atoi(strings.TrimPrefix(*id, "weir-"))
	}
	switch r.key {
	case kmsg.OffsetCommit, kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat, kmsg.ConsumerGroupHeartbeat:
	default:
		return r
	}
	req := kmsg.RequestForKey(int16(r.key))
	req.SetVersion(r.version)
	if req.IsFlexible() {
		kmsg.SkipTags(&b)
	}
	if req.ReadFrom(b.Src) != nil {
		return r
	}
	r.call = callOf(req)
	switch req := req.(type) {
	case *kmsg.OffsetCommitRequest:
		r.commit = req
	case *kmsg.JoinGroupRequest:
		r.member, r.waits = req.MemberID, true
	case *kmsg.SyncGroupRequest:
		r.member, r.waits = req.MemberID, true
	case *kmsg.HeartbeatRequest:
		r.member = req.MemberID
	case *kmsg.ConsumerGroupHeartbeatRequest:
		r.member = req.MemberID
	}
	return r
}

var errDropped = errors.New("the answer is lost")

// Write implements net.Conn: it is given one whole answer.
func (c *brokerConn) Write(p []byte) (int, error) {
	c.mu.Lock()
	var r request
	if len(c.pending) > 0 {
		r, c.pending = c.pending[0], c.pending[1:]
	}
	c.mu.Unlock()
	by, drop := c.wire.fate(r, c.node)
	t := time.NewTimer(by)
	defer t.Stop()
	select {
	case <-t.C:
	case <-c.closed:
	}
	if r.commit != nil {
		c.answered(r, p, drop)
	}
	if drop {
		c.end()
		return 0, errDropped
	}
	return c.Conn.Write(p)
}

func (c *brokerConn) answered(r request, p []byte, dropped bool) {
	resp := kmsg.NewPtrOffsetCommitResponse()
	resp.SetVersion(r.version)
	body := kbin.Reader{Src: p[8:]}
	if resp.IsFlexible() {
		kmsg.SkipTags(&body)
	}
	if dropped || resp.ReadFrom(body.Src) != nil {
		c.wire.commits.Gone(r.commit)
		return
	}
	c.wire.commits.Answered(r.commit, resp)
}

// Close implements net.Conn.
func (c *brokerConn) Close() error {
	c.wire.mu.Lock()
	delete(c.wire.conns, c)
	c.wire.mu.Unlock()
	c.end()
	c.mu.Lock()
	pending := c.pending
	c.pending = nil
	c.mu.Unlock()
	for _, r := range pending { // nobody answers these
		if r.commit != nil {
			c.wire.commits.Gone(r.commit)
		}
	}
	return nil
}

func (c *brokerConn) end() {
	c.closing.Do(func() { close(c.closed) })
	_ = c.Conn.Close()
}
