package httpflow_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"mime/multipart"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/flow/httpflow"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newDoor returns a door with n places at which nobody waits.
func newDoor(n int) *flow.Admission {
	return flow.NewAdmission(flow.AdmissionConfig{
		Limiter: flow.NewLimiter(flow.Fixed(n)), Waiting: -1,
		CPU:    &flow.CPULoad{ReadFunc: func(time.Time) (time.Duration, float64) { return 0, 0 }},
		Memory: &flow.MemoryLoad{ReadFunc: func() float64 { return 0 }},
	})
}

// fill takes n places of the door until the test ends.
func fill(t *testing.T, a *flow.Admission, n int) {
	t.Helper()
	for range n {
		if err := a.Enter(t.Context(), flow.Visit{}); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for range n {
			a.Exit(flow.Outcome{Kind: flow.Ignore})
		}
	})
}

func newServer(t *testing.T, h http.Handler) (*httptest.Server, *http.Client) {
	t.Helper()
	srv := httptest.NewServer(h)
	client := srv.Client()
	client.Transport.(*http.Transport).DisableCompression = true
	t.Cleanup(srv.Close)
	return srv, client
}

// mustRefuse fails unless resp is a refusal with a time to come again and a tiny body.
func mustRefuse(t *testing.T, resp *http.Response, code int) {
	t.Helper()
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil {
		t.Fatal(err)
	}
	if resp.StatusCode != code {
		t.Fatalf("got %s, want %d", resp.Status, code)
	}
	if secs, err := strconv.Atoi(resp.Header.Get("Retry-After")); err != nil || secs < 1 {
		t.Errorf("got Retry-After %q, want whole seconds", resp.Header.Get("Retry-After"))
	}
	if len(body) == 0 || len(body) > 64 {
		t.Errorf("got a body of %d bytes, want a line", len(body))
	}
}

func TestFullServerRefusesBeforeTheBodyIsRead(t *testing.T) {
	a := newDoor(1)
	fill(t, a, 1)
	srv, _ := newServer(t, httpflow.Handler(http.NotFoundHandler(), httpflow.Config{Admission: a}))
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	// The head alone: no byte of the body is ever sent.
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n")
	_ = conn.SetReadDeadline(time.Now().Add(10 * time.Second))
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	mustRefuse(t, resp, http.StatusServiceUnavailable)
}

func TestRefusedRequestWithASmallBodyKeepsItsConnection(t *testing.T) {
	a := newDoor(1)
	fill(t, a, 1)
	srv, client := newServer(t, httpflow.Handler(http.NotFoundHandler(), httpflow.Config{Admission: a}))
	reused := 0
	ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{GotConn: func(c httptrace.GotConnInfo) {
		if c.Reused {
			reused++
		}
	}})
	for range 3 {
		req, _ := http.NewRequestWithContext(ctx, http.MethodPost, srv.URL, strings.NewReader("hello"))
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		mustRefuse(t, resp, http.StatusServiceUnavailable)
	}
	if reused != 2 {
		t.Errorf("got the connection used again %d times, want 2", reused)
	}
}

func TestTenantOverItsQuotaGets429(t *testing.T) {
	a := flow.NewAdmission(flow.AdmissionConfig{
		Quotas: &flow.Quotas{RateFunc: func(string) (float64, int) { return 0.001, 1 }},
	})
	srv, client := newServer(t, httpflow.Handler(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), httpflow.Config{
		Admission: a, TenantFunc: func(r *http.Request) string { return r.Header.Get("Tenant") },
	}))
	get := func(tenant string) *http.Response {
		req, _ := http.NewRequest(http.MethodGet, srv.URL, nil)
		req.Header.Set("Tenant", tenant)
		resp, err := client.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		return resp
	}
	for _, tenant := range []string{"a", "b"} {
		resp := get(tenant)
		_ = resp.Body.Close()
		if resp.StatusCode != http.StatusOK {
			t.Fatalf("got %s for the first request of %s", resp.Status, tenant)
		}
	}
	mustRefuse(t, get("a"), http.StatusTooManyRequests)
}

func TestExemptRequestsAreAlwaysServed(t *testing.T) {
	a := newDoor(1)
	fill(t, a, 1)
	h := httpflow.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {}), httpflow.Config{
		Admission: a, ExemptFunc: func(r *http.Request) bool { return r.URL.Path == "/readyz" },
	})
	for path, want := range map[string]int{"/readyz": 200, "/": 503} {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		if w.Code != want {
			t.Errorf("%s: got %d, want %d", path, w.Code, want)
		}
	}
}

// A middleware's deadline is not a client that went away: an answer is read.
func TestRequestWhoseContextEndedIsNotAnsweredWithSuccess(t *testing.T) {
	h := httpflow.Handler(http.NotFoundHandler(), httpflow.Config{Admission: newDoor(1)})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := httptest.NewRecorder()
	h.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil).WithContext(ctx))
	mustRefuse(t, w.Result(), http.StatusServiceUnavailable)
}

func TestPlaceIsGivenBackHoweverAHandlerEnds(t *testing.T) {
	for name, h := range map[string]http.HandlerFunc{
		"returns": func(http.ResponseWriter, *http.Request) {},
		"panics":  func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"fails":   func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
	} {
		a := newDoor(1)
		srv, client := newServer(t, httpflow.Handler(h, httpflow.Config{Admission: a}))
		for range 3 {
			resp, err := client.Get(srv.URL)
			if err != nil { // the panic went on to the server
				continue
			}
			_ = resp.Body.Close()
			if resp.StatusCode == http.StatusServiceUnavailable {
				t.Errorf("%s: got refused, want the place given back", name)
			}
		}
		srv.Close()
		if n := a.Snapshot().InFlight; n != 0 {
			t.Errorf("%s: got %d in flight, want none", name, n)
		}
	}
}

func TestHijackedConnectionGivesItsPlaceBackOnce(t *testing.T) {
	a := newDoor(2)
	fill(t, a, 1)
	left := make(chan int, 1)
	srv, _ := newServer(t, httpflow.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := w.(http.Hijacker).Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		left <- a.Snapshot().InFlight
		_, _ = io.WriteString(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
		_ = conn.Close()
	}), httpflow.Config{Admission: a}))
	conn, err := net.Dial("tcp", srv.Listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	_, _ = io.WriteString(conn, "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
	if _, err := io.ReadAll(conn); err != nil {
		t.Fatal(err)
	}
	if n := <-left; n != 1 {
		t.Errorf("got %d in flight after the hijack, want the one of the other", n)
	}
	srv.Close()
	if n := a.Snapshot().InFlight; n != 1 {
		t.Errorf("got %d in flight at the end, want the one of the other", n)
	}
}

func TestAnswersOverHTTP2AreRefusedAndServedAlike(t *testing.T) {
	a := newDoor(1)
	srv := httptest.NewUnstartedServer(httpflow.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		if _, _, err := w.(http.Hijacker).Hijack(); err == nil {
			t.Error("got an HTTP/2 connection hijacked")
		}
		_ = http.NewResponseController(w).Flush()
	}), httpflow.Config{Admission: a}))
	srv.EnableHTTP2 = true
	srv.StartTLS()
	defer srv.Close()
	for _, want := range []int{http.StatusOK, http.StatusServiceUnavailable} {
		resp, err := srv.Client().Post(srv.URL, "text/plain", strings.NewReader("hello"))
		if err != nil {
			t.Fatal(err)
		}
		_ = resp.Body.Close()
		if resp.ProtoMajor != 2 || resp.StatusCode != want {
			t.Errorf("got %s by %s, want %d by HTTP/2", resp.Status, resp.Proto, want)
		}
		fill(t, a, 1-a.Snapshot().InFlight)
	}
}

// The server removes the files of the request that it knows, not of a copy.
func TestFilesOfAFormAreRemoved(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var form bytes.Buffer
	mw := multipart.NewWriter(&form)
	part, _ := mw.CreateFormFile("file", "a")
	_, _ = part.Write(make([]byte, 1<<20))
	_ = mw.Close()
	srv, client := newServer(t, httpflow.Handler(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if err := r.ParseMultipartForm(1); err != nil {
			t.Error(err)
		}
	}), httpflow.Config{Admission: newDoor(1)}))
	resp, err := client.Post(srv.URL, mw.FormDataContentType(), &form)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	srv.Close()
	if left, _ := os.ReadDir(os.Getenv("TMPDIR")); len(left) > 0 {
		t.Errorf("got %d files left of the form, want none", len(left))
	}
}

func TestLevelGoesFromServerToServer(t *testing.T) {
	door := newDoor(4)
	inner, _ := newServer(t, httpflow.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		level, ok := flow.LevelOf(r.Context())
		_, _ = io.WriteString(w, strconv.Itoa(level)+" "+strconv.FormatBool(ok))
	}), httpflow.Config{Admission: door, TrustLevel: true}))
	client := &http.Client{Transport: &httpflow.Transport{}}
	defer client.CloseIdleConnections()
	outer, _ := newServer(t, httpflow.Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req, _ := http.NewRequestWithContext(r.Context(), http.MethodGet, inner.URL, nil)
		resp, err := client.Do(req)
		if err != nil {
			httpflow.Refuse(w, err)
			return
		}
		defer func() { _ = resp.Body.Close() }()
		_, _ = io.Copy(w, resp.Body)
		if req.Header.Get("Weir-Level") != "" {
			t.Error("got the caller's own request changed")
		}
	}), httpflow.Config{Admission: newDoor(4), ClassFunc: func(*http.Request) int { return flow.ClassBulk }}))
	get := func() (int, string) {
		req, _ := http.NewRequest(http.MethodGet, outer.URL, nil)
		req.Header.Set("Weir-Level", "0") // not trusted here
		resp, err := outer.Client().Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = resp.Body.Close() }()
		b, _ := io.ReadAll(resp.Body)
		return resp.StatusCode, string(b)
	}
	want := strconv.Itoa(door.Level(flow.ClassBulk, "")) + " true"
	if code, got := get(); code != 200 || got != want {
		t.Errorf("got %d %q, want the level %q that the outer server found", code, got, want)
	}
}

func TestClientShedsWhatTheServerWouldShed(t *testing.T) {
	calls := 0
	srv, _ := newServer(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		calls++
		w.Header().Set("Weir-Cut", "120")
	}))
	client := &http.Client{Transport: &httpflow.Transport{}}
	defer client.CloseIdleConnections()
	get := func(level int) error {
		req, _ := http.NewRequestWithContext(flow.WithLevel(t.Context(), level), http.MethodGet, srv.URL, nil)
		resp, err := client.Do(req)
		if err == nil {
			_ = resp.Body.Close()
		}
		return err
	}
	if err := get(400); err != nil {
		t.Fatalf("got %v before anything is known", err)
	}
	if err := get(400); err == nil || calls != 1 {
		t.Errorf("got %v and %d calls, want the second shed at home", err, calls)
	}
	if err := get(100); err != nil {
		t.Errorf("got %v for what the server takes", err)
	}
}
