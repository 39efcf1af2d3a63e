package httpflow_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/flow/httpflow"
)

func ExampleHandler() {
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "hello") })
	// A door of one place where nobody may wait, to see it full; the zero Config adapts by itself.
	door := flow.NewAdmission(flow.AdmissionConfig{Limiter: flow.NewLimiter(flow.Fixed(1)), Waiting: -1})
	srv := httptest.NewServer(httpflow.Handler(hello, httpflow.Config{
		Admission:  door,
		ExemptFunc: func(r *http.Request) bool { return r.URL.Path == "/readyz" },
	}))
	defer srv.Close()

	_ = door.Enter(context.Background(), flow.Visit{}) // somebody is in
	for _, path := range []string{"/", "/readyz"} {
		resp, _ := http.Get(srv.URL + path)
		fmt.Println(path, resp.StatusCode, resp.Header.Get("Retry-After") != "")
		_ = resp.Body.Close()
	}
	http.DefaultClient.CloseIdleConnections()
	// Output:
	// / 503 true
	// /readyz 200 false
}

// A server that leaves without an error for anybody: out of rotation, wait, drain, close.
func ExampleServe() {
	var health flow.Health
	mux := http.NewServeMux()
	mux.Handle("/", httpflow.Handler(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "hello")
	}), httpflow.Config{}))
	mux.HandleFunc("/readyz", health.ServeReady)
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx, stop := context.WithCancel(context.Background()) // in earnest signal.NotifyContext
	defer stop()
	ended := make(chan error, 1)
	go func() {
		srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
		ended <- httpflow.Serve(ctx, srv, ln, httpflow.Leaving{UnreadyFunc: health.Drain, Wait: 100 * time.Millisecond})
	}()
	health.Start()
	resp, err := http.Get("http://" + ln.Addr().String() + "/")
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = resp.Body.Close()
	stop()
	err = <-ended
	_, why := health.Ready(time.Now())
	fmt.Println(resp.StatusCode, err, why)
	// Output:
	// 200 <nil> draining
}

func ExampleTransport() {
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "30")
		w.WriteHeader(http.StatusServiceUnavailable)
	}))
	defer srv.Close()
	client := &http.Client{Transport: &httpflow.Transport{}}
	defer client.CloseIdleConnections()

	resp, _ := client.Get(srv.URL)
	fmt.Println(resp.StatusCode)
	_ = resp.Body.Close()

	client.Timeout = time.Second
	_, err := client.Get(srv.URL) // not sent: the host asked for longer than that
	fmt.Println(errors.Is(err, flow.ErrRefused))
	// Output:
	// 503
	// true
}
