package admin_test

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/weir-kafka/weir/cmd/weir/internal/admin"
	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/flow"
)

// source answers as a test wants.
type source struct {
	ready   error
	explain func() consumer.Report
}

func (s source) Ready() error { return s.ready }

func (s source) Explain() consumer.Report {
	if s.explain == nil {
		return consumer.Report{Name: "orders", State: consumer.StateOpen}
	}
	return s.explain()
}

func registry() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	reg.MustRegister(collectors.NewBuildInfoCollector())
	return reg
}

// healthy is the health of a process that has started.
func healthy() *flow.Health {
	h := &flow.Health{}
	h.Start()
	return h
}

func ask(h http.Handler, method, path string) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(method, path, nil))
	return w
}

func TestPathsAnswerGetAndHeadOnly(t *testing.T) {
	t.Parallel()
	h := admin.Handler(source{}, healthy(), registry())
	for _, path := range []string{"/metrics", "/livez", "/readyz", "/explain"} {
		for method, want := range map[string]int{
			http.MethodGet: 200, http.MethodHead: 200, http.MethodPost: 405, http.MethodPut: 405, http.MethodDelete: 405, http.MethodPatch: 405,
		} {
			if got := ask(h, method, path).Code; got != want {
				t.Errorf("%s %s: got %d, want %d", method, path, got, want)
			}
		}
	}
	for _, path := range []string{"/", "/debug/pprof/", "/metrics/x"} {
		if got := ask(h, http.MethodGet, path).Code; got != http.StatusNotFound {
			t.Errorf("GET %s: got %d, want 404", path, got)
		}
	}
}

func TestReadyFollowsTheConsumerAndLiveDoesNot(t *testing.T) {
	t.Parallel()
	h := admin.Handler(source{ready: errors.New("draining")}, healthy(), registry())
	w := ask(h, http.MethodGet, "/readyz")
	if w.Code != http.StatusServiceUnavailable || w.Body.String() != "not ready: draining\n" {
		t.Errorf("got %d %q, want 503 with the reason", w.Code, w.Body)
	}
	if got := ask(h, http.MethodGet, "/livez").Code; got != http.StatusOK {
		t.Errorf("livez: got %d, want 200", got)
	}
}

func TestReadyLeavesTheRotationAndComesBack(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	health := &flow.Health{NowFunc: func() time.Time { return now }, RandFunc: func() float64 { return 0 }}
	h := admin.Handler(source{}, health, registry())
	ready := func(code int, body string) {
		t.Helper()
		w := ask(h, http.MethodGet, "/readyz")
		if w.Code != code || w.Body.String() != body+"\n" {
			t.Errorf("got %d %q, want %d %s", w.Code, w.Body, code, body)
		}
	}
	ready(503, "starting")
	health.Start()
	ready(200, "ok")
	health.Overload(now, true)
	now = now.Add(11 * time.Second)
	ready(503, "overloaded")
	health.Overload(now, false)
	ready(200, "ok")
	health.Drain()
	ready(503, "draining")
}

func TestExplainIsTheReportAsJSON(t *testing.T) {
	t.Parallel()
	w := ask(admin.Handler(source{}, healthy(), registry()), http.MethodGet, "/explain")
	var got consumer.Report
	if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || got.Name != "orders" {
		t.Errorf("got %+v, %v", got, err)
	}
	if got := w.Header().Get("Content-Type"); got != "application/json" {
		t.Errorf("got Content-Type %q, want application/json", got)
	}
}

func TestRequestsBeyondTheBoundAreRefused(t *testing.T) {
	t.Parallel()
	const bound = 16
	entered, release := make(chan struct{}, bound), make(chan struct{})
	h := admin.Handler(source{explain: func() consumer.Report {
		entered <- struct{}{}
		<-release
		return consumer.Report{}
	}}, healthy(), registry())
	var wg sync.WaitGroup
	for range bound {
		wg.Go(func() { ask(h, http.MethodGet, "/explain") })
	}
	for range bound {
		<-entered
	}
	w := ask(h, http.MethodGet, "/livez")
	if w.Code != http.StatusServiceUnavailable || w.Header().Get("Retry-After") == "" {
		t.Errorf("got %d, Retry-After %q; want 503 with Retry-After", w.Code, w.Header().Get("Retry-After"))
	}
	close(release)
	wg.Wait()
	if got := ask(h, http.MethodGet, "/livez").Code; got != http.StatusOK {
		t.Errorf("after the others ended: got %d, want 200", got)
	}
}

// pipes is a listener whose connections live in memory, so that its timeouts
// pass in virtual time.
type pipes struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func newPipes() *pipes { return &pipes{conns: make(chan net.Conn), closed: make(chan struct{})} }

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.closed:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { p.once.Do(func() { close(p.closed) }); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 9644} }

// dial returns the client's end, or nil if the listener does not take it.
func (p *pipes) dial() net.Conn {
	client, server := net.Pipe()
	timer := time.NewTimer(time.Millisecond)
	defer timer.Stop()
	select {
	case p.conns <- server:
		return client
	case <-timer.C:
		return nil
	}
}

func TestSlowClientIsCutOff(t *testing.T) {
	t.Parallel()
	for name, sent := range map[string]string{
		"sends nothing":         "",
		"half a header":         "GET /livez HTTP/1.1\r\nHost: x\r\n",
		"idles after an answer": "GET /livez HTTP/1.1\r\nHost: x\r\n\r\n",
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ln := newPipes()
				s := admin.Serve(ln, source{}, healthy(), registry())
				c := ln.dial()
				start := time.Now()
				if sent != "" {
					if _, err := io.WriteString(c, sent); err != nil {
						t.Fatal(err)
					}
				}
				if _, err := io.Copy(io.Discard, c); err != nil { // until the server closes
					t.Fatal(err)
				}
				if got, most := time.Since(start), time.Minute+time.Second; got > most {
					t.Errorf("the connection was held for %s, want at most %s", got, most)
				}
				if err := s.Stop(); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

// A client that does not read its answer holds neither a request slot nor a
// shutdown for ever.
func TestClientThatDoesNotReadIsCutOff(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ln := newPipes()
		s := admin.Serve(ln, source{}, healthy(), registry())
		c := ln.dial()
		if _, err := io.WriteString(c, "GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n"); err != nil {
			t.Fatal(err)
		}
		time.Sleep(20 * time.Second) // past the write timeout
		if n, err := io.Copy(io.Discard, c); err != nil || n > 0 {
			t.Errorf("got %d bytes, %v; want a closed connection", n, err)
		}
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestConnectionsBeyondTheLimitWaitForRoom(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const limit = 64
		ln := newPipes()
		s := admin.Serve(ln, source{}, healthy(), registry())
		var conns []net.Conn
		for range limit {
			c := ln.dial()
			if c == nil {
				t.Fatalf("connection %d is not taken, want %d", len(conns)+1, limit)
			}
			conns = append(conns, c)
		}
		if ln.dial() != nil {
			t.Fatalf("more than %d connections are taken", limit)
		}
		_ = conns[0].Close()
		synctest.Wait()
		c := ln.dial()
		if c == nil {
			t.Fatal("a connection that ended leaves no room")
		}
		req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://x/livez", nil)
		if err != nil {
			t.Fatal(err)
		}
		go func() { _ = req.Write(c) }()
		resp, err := http.ReadResponse(bufio.NewReader(c), req)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Errorf("got %v, %v; want 200", resp, err)
		}
		for _, c := range append(conns, c) {
			_ = c.Close()
		}
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestStopEndsWhileTheListenerIsFull(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ln := newPipes()
		s := admin.Serve(ln, source{}, healthy(), registry())
		for range 64 {
			ln.dial()
		}
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
}

func TestTakenPortIsRefusedWithTheMend(t *testing.T) {
	t.Parallel()
	s, err := admin.Start("127.0.0.1:0", source{}, healthy(), registry())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Stop() }()
	_, err = admin.Start(s.Addr(), source{}, healthy(), registry())
	if err == nil || !strings.Contains(err.Error(), "choose another admin.listen") {
		t.Errorf("got %v, want the mend", err)
	}
}
