package http_test

import (
	"bufio"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/sink"
	httpsink "github.com/weir-kafka/weir/sink/http"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// counted is a server that counts the connections that were opened to it.
func counted(t *testing.T, h http.HandlerFunc) (*httptest.Server, *atomic.Int64) {
	t.Helper()
	opened := new(atomic.Int64)
	s := httptest.NewUnstartedServer(h)
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s, opened
}

func openWith(t *testing.T, change func(*httpsink.Config)) *httpsink.Sink {
	t.Helper()
	cfg := httpsink.DefaultConfig()
	change(&cfg)
	s, err := httpsink.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestAHundredCallsEightAtATimeOpenEightConnectionsAtMost(t *testing.T) {
	for name, status := range map[string]int{"taken": 200, "refused": 503} {
		t.Run(name, func(t *testing.T) {
			s, opened := counted(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				_, _ = w.Write(make([]byte, 10<<10)) // must be read, or the connection is lost
			})
			to := openWith(t, func(c *httpsink.Config) { c.URL, c.MaxConns = s.URL, 8 })
			for left := 100; left > 0; left -= 8 { // all idle between
				var calls sync.WaitGroup
				for range min(left, 8) {
					calls.Go(func() {
						if err := to.Write(t.Context(), message("1")); (err == nil) != (status == 200) {
							t.Error(err)
						}
					})
				}
				calls.Wait()
			}
			if got := opened.Load(); got > 8 {
				t.Errorf("opened %d connections, want 8 at most", got)
			}
		})
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	var elsewhere atomic.Int64
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere.Add(1) }))
	defer other.Close()
	for _, status := range []int{301, 302, 303, 307, 308} {
		s := httptest.NewServer(http.RedirectHandler(other.URL, status))
		if err := open(t, s.URL, "none").Write(t.Context(), message("1")); flow.Classify(err) != flow.Retry {
			t.Errorf("%d: %v is %s, want retry", status, err, flow.Classify(err))
		}
		s.Close()
	}
	if n := elsewhere.Load(); n != 0 {
		t.Errorf("%d requests went elsewhere, with our headers", n)
	}
}

// raw answers each connection with the given bytes and closes it.
func raw(t *testing.T, answer string) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer c.Close()
				if r, err := http.ReadRequest(bufio.NewReader(c)); err == nil {
					_, _ = io.Copy(io.Discard, r.Body)
					_, _ = io.WriteString(c, answer)
				}
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); conns.Wait() })
	return "http://" + l.Addr().String()
}

func TestABrokenAnswer(t *testing.T) {
	for name, c := range map[string]struct {
		answer string
		want   flow.Verdict
	}{
		"none":                            {"", flow.Retry},
		"not HTTP":                        {"SSH-2.0-OpenSSH\r\n", flow.Retry},
		"cut in its headers":              {"HTTP/1.1 200 OK\r\nContent-Le", flow.Retry},
		"200, cut in its body":            {"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\nhal", flow.Done},
		"503, cut in its body":            {"HTTP/1.1 503 No\r\nRetry-After: 3\r\nContent-Length: 99\r\n\r\nhal", flow.Overload},
		"400, cut in its body":            {"HTTP/1.1 400 No\r\nContent-Length: 99\r\n\r\nhal", flow.Reject},
		"headers without end":             {"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 1<<20) + "\r\n\r\n", flow.Retry},
		"interim answers before the real": {"HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", flow.Done},
	} {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		err := open(t, raw(t, c.answer), "ndjson").Write(ctx, message("1"))
		cancel()
		if got := flow.Classify(err); got != c.want {
			t.Errorf("%s: %v is %s, want %s", name, err, got, c.want)
		}
	}
}

func TestAnAnswerIsNotUnpacked(t *testing.T) {
	var asked atomic.Value
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked.Store(r.Header.Get("Accept-Encoding"))
		w.Header().Set("Content-Encoding", "gzip")
		w.WriteHeader(http.StatusBadRequest)
		z := gzip.NewWriter(w)
		_, _ = z.Write(make([]byte, 4<<20))
		_ = z.Close()
	}))
	defer s.Close()
	err := open(t, s.URL, "none").Write(t.Context(), message("1"))
	if flow.Classify(err) != flow.Reject || len(err.Error()) > 1000 || asked.Load() != "" {
		t.Errorf("asked for %q, got %.1000v", asked.Load(), err)
	}
}

func TestAServiceThatRepeatsTheRequestRepeatsNoSecret(t *testing.T) {
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, pw, _ := r.BasicAuth()
		w.WriteHeader(http.StatusBadRequest)
		_, _ = fmt.Fprintln(w, r.URL, r.Header.Get("Authorization"), user, pw, r.Header.Get("X-Token"), strings.TrimPrefix(r.Header.Get("X-Token"), "Bearer "))
	}))
	defer s.Close()
	u, err := url.Parse(s.URL)
	if err != nil {
		t.Fatal(err)
	}
	u.User, u.RawQuery = url.UserPassword("johndoe", "hunter2"), "token=query-secret"
	to := openWith(t, func(c *httpsink.Config) {
		c.URL, c.Headers = u.String(), map[string]sink.Secret{"X-Token": "Bearer header-secret"}
	})
	err = to.Write(t.Context(), message("1"))
	for _, secret := range []string{"hunter2", "query-secret", "header-secret", "am9obmRvZTpodW50ZXIy"} {
		if strings.Contains(fmt.Sprint(err), secret) {
			t.Errorf("the error shows %s: %v", secret, err)
		}
	}
}

func TestTheRestWaitsBehindAMessageThatFailed(t *testing.T) {
	var mu sync.Mutex
	var got []string
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		mu.Lock()
		defer mu.Unlock()
		if string(body) == "3" {
			w.WriteHeader(http.StatusUnprocessableEntity)
			return
		}
		got = append(got, string(body))
	}))
	defer s.Close()
	var batch []sink.Message
	for i := range 5 {
		batch = append(batch, sink.Message{Key: fmt.Append(nil, i%2), Value: fmt.Append(nil, i+1)})
	}
	err := open(t, s.URL, "none").Write(t.Context(), batch)
	be, ok := sink.AsBatchError(err)
	if !ok || len(be.Failed()) != 3 {
		t.Fatalf("%v, want 3 failures", err)
	}
	for k, f := range be.Failed() {
		wantReject := k == 0
		if f.Index != 2+k || (flow.Classify(f.Err) == flow.Reject) != wantReject || errors.Is(f.Err, sink.ErrBehindFailed) == wantReject {
			t.Errorf("failure %d is of %d: %v", k, f.Index, f.Err)
		}
	}
	if !slices.Equal(got, []string{"1", "2"}) {
		t.Errorf("sent %q, want what stands before the failed one", got)
	}
}

func TestABatchWithAValueThatIsNotJSONSendsNothing(t *testing.T) {
	s := newService(t)
	for _, kind := range []string{"ndjson", "json"} {
		for _, value := range []string{"", "{", "1 2", "1\n2", "\xff"} {
			batch := []sink.Message{{Value: []byte("1")}, {Value: []byte(value)}, {Value: []byte("3")}}
			if err := open(t, s.URL, kind).Write(t.Context(), batch); flow.Classify(err) != flow.Reject {
				t.Errorf("%s: %q: %v is %s, want reject", kind, value, err, flow.Classify(err))
			}
		}
	}
	if len(s.bodies) != 0 {
		t.Errorf("sent %q, want nothing", s.bodies)
	}
}

func TestAMessageHasAnIdempotencyKeyOfItsOwnOrNone(t *testing.T) {
	var keys []string
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		keys = append(keys, r.Header.Get("Idempotency-Key"))
	}))
	defer s.Close()
	at := func(offset int64, index int32) sink.Message {
		return sink.Message{Value: []byte("1"), Source: sink.Position{Topic: "t", Partition: 2, Offset: offset, Index: index}}
	}
	batch := []sink.Message{at(1, 0), at(1, 1), {Value: []byte("1")}}
	for _, kind := range []string{"none", "ndjson"} {
		if err := open(t, s.URL, kind).Write(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"t/2/1/0", "t/2/1/1", "", ""}; !slices.Equal(keys, want) {
		t.Errorf("keys are %q, want %q", keys, want)
	}
}

func TestAWrongCertificateIsRetried(t *testing.T) {
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	s.Config.ErrorLog = nil
	s.StartTLS()
	defer s.Close()
	if err := open(t, s.URL, "none").Write(t.Context(), message("1")); flow.Classify(err) != flow.Retry {
		t.Errorf("%v is %s, want retry", err, flow.Classify(err))
	}
}

func TestAServiceThatSwitchesProtocolsIsNotReadFor(t *testing.T) {
	hold := make(chan struct{})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		c, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer c.Close()
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
		<-hold
	}))
	defer s.Close()
	defer close(hold)
	if err := open(t, s.URL, "none").Write(t.Context(), message("1")); flow.Classify(err) != flow.Retry {
		t.Errorf("%v is %s, want retry", err, flow.Classify(err))
	}
}

func TestTheHostHeaderIsSent(t *testing.T) {
	var host atomic.Value
	s := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { host.Store(r.Host) }))
	defer s.Close()
	to := openWith(t, func(c *httpsink.Config) { c.URL, c.Headers = s.URL, map[string]sink.Secret{"host": "orders"} })
	if err := to.Write(t.Context(), message("1")); err != nil || host.Load() != "orders" {
		t.Errorf("host is %v (%v), want orders", host.Load(), err)
	}
}
