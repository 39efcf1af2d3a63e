package lab

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kbin"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// maxFrame is more than any request or answer here.
const maxFrame = 64 << 20

// proxy stands between one member and the broker, and tells the member that it is
// the broker.
type proxy struct {
	member *Member
	ln     net.Listener
	host   string
	port   int32
	broker string
	ends   sync.WaitGroup

	mu     sync.Mutex
	conns  map[*link]bool
	closed bool
}

// link is one connection through it. A request that the broker has is pending
// until it is answered.
type link struct {
	proxy            *proxy
	client, upstream net.Conn

	out sync.Mutex // held while an answer is noted and passed on
	end bool       // there are no more

	mu      sync.Mutex
	pending []asked
}

type asked struct {
	key     kmsg.Key
	version int16
	member  string // id, of a request to the group
	commit  *kmsg.OffsetCommitRequest
	letters []letter
}

func newProxy(ctx context.Context, m *Member, broker string) (*proxy, error) {
	ln, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	host, port, _ := net.SplitHostPort(ln.Addr().String())
	n, err := strconv.ParseInt(port, 10, 32)
	if err != nil {
		return nil, err
	}
	p := &proxy{member: m, ln: ln, host: host, port: int32(n), broker: broker, conns: map[*link]bool{}}
	p.ends.Go(p.accept)
	return p, nil
}

func (p *proxy) accept() {
	for {
		client, err := p.ln.Accept()
		if err != nil {
			return
		}
		upstream, err := (&net.Dialer{Timeout: 10 * time.Second}).DialContext(context.Background(), "tcp", p.broker)
		if err != nil {
			_ = client.Close()
			continue
		}
		l := &link{proxy: p, client: client, upstream: upstream}
		p.mu.Lock()
		if p.closed {
			p.mu.Unlock()
			_, _ = client.Close(), upstream.Close()
			return
		}
		p.conns[l] = true
		p.ends.Go(l.run)
		p.mu.Unlock()
	}
}

// cut ends the connections that there are.
func (p *proxy) cut() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for l := range p.conns {
		l.cut()
	}
}

// close ends all for good, and returns when nothing passes any more.
func (p *proxy) close() {
	_ = p.ln.Close()
	p.mu.Lock()
	p.closed = true
	p.mu.Unlock()
	p.cut()
	p.ends.Wait()
}

// cut ends a connection so that the member still reads what it was told: of an
// answer that was noted and never read, the ledger would know more than the member.
func (l *link) cut() {
	l.out.Lock()
	defer l.out.Unlock()
	l.end = true
	if tcp, ok := l.client.(*net.TCPConn); ok {
		_ = tcp.CloseWrite()
	}
	_ = l.upstream.Close()
}

// run passes frames on in both directions until either side ends.
func (l *link) run() {
	var both sync.WaitGroup
	both.Go(func() {
		l.requests()
		l.cut()
		_, _ = io.Copy(io.Discard, l.client) // with something unread its end would be a reset
		_ = l.client.Close()
	})
	both.Go(func() {
		l.answers()
		l.cut()
	})
	both.Wait()
	l.proxy.mu.Lock()
	delete(l.proxy.conns, l)
	l.proxy.mu.Unlock()
	for _, a := range l.pending { // nobody will see what became of it
		if a.commit != nil {
			l.proxy.member.lab.commits.Gone(a.commit)
		}
		l.proxy.member.lab.dead.unanswered(a.letters)
	}
}

// requests passes requests on until an end.
func (l *link) requests() {
	for {
		frame, err := readFrame(l.client)
		if err != nil || l.ask(frame) != nil || writeFrame(l.upstream, frame) != nil {
			return
		}
	}
}

// answers passes answers on until an end.
func (l *link) answers() {
	for {
		frame, err := readFrame(l.upstream)
		if err != nil || !l.pass(frame) {
			return
		}
	}
}

func (l *link) pass(frame []byte) bool {
	l.out.Lock()
	defer l.out.Unlock()
	if l.end {
		return false
	}
	frame, err := l.answer(frame)
	return err == nil && writeFrame(l.client, frame) == nil
}

func readFrame(from io.Reader) ([]byte, error) {
	var size [4]byte
	if _, err := io.ReadFull(from, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(size[:])
	if n > maxFrame {
		return nil, fmt.Errorf("proxy: a frame of %d bytes", n)
	}
	frame := make([]byte, n)
	_, err := io.ReadFull(from, frame)
	return frame, err
}

func writeFrame(to io.Writer, frame []byte) error {
	out := append(binary.BigEndian.AppendUint32(make([]byte, 0, len(frame)+4), uint32(len(frame))), frame...) //nolint:gosec // bounded
	_, err := to.Write(out)
	return err
}

// ask notes a request before the broker has it.
func (l *link) ask(frame []byte) error {
	b := kbin.Reader{Src: frame}
	a := asked{key: kmsg.Key(b.Int16()), version: b.Int16()}
	b.Int32()
	b.NullableString()
	m := l.proxy.member
	switch a.key { //nolint:exhaustive // the others pass
	case kmsg.OffsetCommit:
		req := kmsg.NewPtrOffsetCommitRequest()
		if err := read(&b, req, a.version); err != nil {
			return err
		}
		a.commit, a.member = req, req.MemberID
		m.lab.journal.sync()
		m.lab.commits.Member(req.MemberID, m.N)
		m.lab.commits.Received(req)
	case kmsg.Produce:
		req := kmsg.NewPtrProduceRequest()
		if err := read(&b, req, a.version); err != nil {
			return err
		}
		var err error
		if a.letters, err = m.letters(req); err != nil {
			return err
		}
	case kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat, kmsg.LeaveGroup:
		var err error
		if a.member, err = m.asksGroup(a.key, a.version, &b); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.pending = append(l.pending, a)
	return nil
}

// answer notes an answer before the member has it, and puts the proxy where the
// broker names itself.
func (l *link) answer(frame []byte) ([]byte, error) {
	l.mu.Lock()
	if len(l.pending) == 0 {
		l.mu.Unlock()
		return nil, errors.New("an answer to nothing")
	}
	a := l.pending[0]
	l.pending = l.pending[1:]
	l.mu.Unlock()
	m := l.proxy.member
	body := kbin.Reader{Src: frame[4:]}
	switch a.key { //nolint:exhaustive // the others pass
	case kmsg.OffsetCommit:
		resp := kmsg.NewPtrOffsetCommitResponse()
		if err := read(&body, resp, a.version); err != nil {
			return nil, err
		}
		m.lab.commits.Answered(a.commit, resp)
		m.commitAnswered(a.member, resp)
	case kmsg.Produce:
		resp := kmsg.NewPtrProduceResponse()
		if err := read(&body, resp, a.version); err != nil {
			return nil, err
		}
		m.lab.dead.answered(a.letters, resp)
	case kmsg.JoinGroup, kmsg.SyncGroup, kmsg.Heartbeat:
		return frame, m.groupAnswers(a.key, a.version, a.member, &body)
	case kmsg.Metadata:
		resp := kmsg.NewPtrMetadataResponse()
		if err := read(&body, resp, a.version); err != nil {
			return nil, err
		}
		for i := range resp.Brokers {
			resp.Brokers[i].Host, resp.Brokers[i].Port = l.proxy.host, l.proxy.port
		}
		return write(frame[:4], resp), nil
	case kmsg.FindCoordinator:
		resp := kmsg.NewPtrFindCoordinatorResponse()
		if err := read(&body, resp, a.version); err != nil {
			return nil, err
		}
		resp.Host, resp.Port = l.proxy.host, l.proxy.port
		for i := range resp.Coordinators {
			resp.Coordinators[i].Host, resp.Coordinators[i].Port = l.proxy.host, l.proxy.port
		}
		return write(frame[:4], resp), nil
	}
	return frame, nil
}

// body is a request or an answer.
type body interface {
	SetVersion(version int16)
	IsFlexible() bool
	ReadFrom(src []byte) error
	AppendTo(dst []byte) []byte
}

func read(b *kbin.Reader, v body, version int16) error {
	v.SetVersion(version)
	if v.IsFlexible() {
		kmsg.SkipTags(b)
	}
	if err := v.ReadFrom(b.Src); err != nil {
		return fmt.Errorf("proxy: %T: %w", v, err)
	}
	return nil
}

func write(correlation []byte, v body) []byte {
	out := append([]byte(nil), correlation...)
	if v.IsFlexible() {
		out = append(out, 0) // no tags
	}
	return v.AppendTo(out)
}
