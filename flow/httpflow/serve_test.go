package httpflow_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/weir-kafka/weir/flow/httpflow"
)

// leaving is a server in Serve whose requests to /slow take until they are let go.
type leaving struct {
	url     string
	stop    context.CancelFunc
	ended   chan error
	started chan struct{}
	let     chan struct{}
	srv     *http.Server
}

func serveForTest(t *testing.T, l httpflow.Leaving) *leaving {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	s := &leaving{
		url: "http://" + ln.Addr().String(), stop: stop, ended: make(chan error, 1),
		started: make(chan struct{}), let: make(chan struct{}),
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/slow", func(w http.ResponseWriter, _ *http.Request) {
		close(s.started)
		<-s.let
		_, _ = io.WriteString(w, "done")
	})
	mux.HandleFunc("/", func(http.ResponseWriter, *http.Request) {})
	s.srv = &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go func() { s.ended <- httpflow.Serve(ctx, s.srv, ln, l) }()
	t.Cleanup(http.DefaultClient.CloseIdleConnections)
	return s
}

func (s *leaving) slow() <-chan error {
	got := make(chan error, 1)
	go func() {
		resp, err := http.Get(s.url + "/slow")
		if err == nil {
			_, err = io.ReadAll(resp.Body)
			_ = resp.Body.Close()
		}
		got <- err
	}()
	<-s.started
	return got
}

func TestServerLeavesWithoutAnErrorForAnybody(t *testing.T) {
	unready := make(chan struct{})
	s := serveForTest(t, httpflow.Leaving{UnreadyFunc: func() { close(unready) }, Wait: time.Hour, Drain: time.Hour})
	resp, err := http.Get(s.url)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if resp.Close {
		t.Error("got a connection closed while the server serves")
	}
	s.stop()
	<-unready
	// The flag is set right after: what is asked until then is served as before.
	for end := time.Now().Add(10 * time.Second); !resp.Close; {
		if time.Now().After(end) {
			t.Fatal("got no answer that closes its connection")
		}
		if resp, err = http.Get(s.url); err != nil {
			t.Fatalf("got %v while load balancers still send requests", err)
		}
		_ = resp.Body.Close()
	}
	if err := s.srv.Close(); err != nil { // as after a second signal
		t.Fatal(err)
	}
	if err := <-s.ended; !errors.Is(err, http.ErrServerClosed) {
		t.Errorf("got %v, want that the server was closed", err)
	}
}

func TestDrainWaitsForRequestsInFlight(t *testing.T) {
	s := serveForTest(t, httpflow.Leaving{Wait: -1, Drain: time.Hour})
	got := s.slow()
	s.stop()
	for { // until no new connection is taken
		conn, err := net.Dial("tcp", s.url[len("http://"):])
		if err != nil {
			break
		}
		_ = conn.Close()
	}
	select {
	case err := <-s.ended:
		t.Fatalf("got the end of the server (%v) before that of its request", err)
	default:
	}
	close(s.let)
	if err := <-got; err != nil {
		t.Errorf("got %v for a request in flight, want its answer", err)
	}
	if err := <-s.ended; err != nil {
		t.Errorf("got %v, want a clean end", err)
	}
}

func TestWhatIsLeftAfterTheDrainIsCutOff(t *testing.T) {
	s := serveForTest(t, httpflow.Leaving{Wait: -1, Drain: time.Millisecond})
	got := s.slow()
	s.stop()
	if err := <-s.ended; !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("got %v, want that requests were cut off", err)
	}
	if err := <-got; err == nil {
		t.Error("got an answer, want the connection cut")
	}
	close(s.let)
}

func TestServeReturnsWhatEndedTheServer(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = ln.Close()
	srv := &http.Server{ReadHeaderTimeout: time.Minute}
	if err := httpflow.Serve(t.Context(), srv, ln, httpflow.Leaving{}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("got %v, want that the listener is closed", err)
	}
}
