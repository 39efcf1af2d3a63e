// Package admin is the listener for metrics, health and explain.
package admin

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/flow"
)

// Source is what the listener shows.
type Source interface {
	Explain() consumer.Report
	Ready() error
}

// Limits of the listener: it answers people and scrapers, and is not to be held
// up by anyone.
const (
	mostHeader   = 8 << 10
	readTimeout  = 5 * time.Second
	writeTimeout = 15 * time.Second
	idleTimeout  = time.Minute
	mostRequests = 16 // at the same time
	// gatherTimeout ends a slow scrape while its answer can still be written.
	gatherTimeout = 10 * time.Second
)

// maxConns is more than the probes, scrapers and people of one process need.
const maxConns = 64

// Server is a running listener.
type Server struct {
	srv  *http.Server
	addr string
	done chan error
}

// Start listens on address.
func Start(address string, src Source, health *flow.Health, reg prometheus.Gatherer) (*Server, error) {
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("admin: %w; choose another admin.listen, 127.0.0.1:0 takes a free port", err)
	}
	return Serve(ln, src, health, reg), nil
}

// Serve takes connections from ln until Stop.
func Serve(ln net.Listener, src Source, health *flow.Health, reg prometheus.Gatherer) *Server {
	s := &Server{addr: ln.Addr().String(), done: make(chan error, 1), srv: &http.Server{
		Handler: Handler(src, health, reg), ReadHeaderTimeout: readTimeout, ReadTimeout: readTimeout, WriteTimeout: writeTimeout,
		IdleTimeout: idleTimeout, MaxHeaderBytes: mostHeader,
	}}
	go func() { s.done <- s.srv.Serve(limit(ln, maxConns)) }()
	return s
}

// Addr returns the address it listens on.
func (s *Server) Addr() string { return s.addr }

// Stop ends the listener and waits for requests in flight, a second at most.
func (s *Server) Stop() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	err := s.srv.Shutdown(ctx)
	if err != nil {
		err = s.srv.Close()
	}
	if e := <-s.done; !errors.Is(e, http.ErrServerClosed) {
		err = errors.Join(err, e)
	}
	return err
}

// Handler serves /metrics, /livez, /readyz and /explain.
func Handler(src Source, health *flow.Health, reg prometheus.Gatherer) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(reg, promhttp.HandlerOpts{MaxRequestsInFlight: 4, Timeout: gatherTimeout}))
	mux.HandleFunc("GET /livez", health.ServeLive)
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := src.Ready(); err != nil {
			text(w, http.StatusServiceUnavailable, "not ready: "+err.Error())
			return
		}
		health.ServeReady(w, r)
	})
	mux.HandleFunc("GET /explain", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		enc := json.NewEncoder(w)
		enc.SetIndent("", "  ")
		_ = enc.Encode(src.Explain()) // the client has gone: nobody to tell
	})
	return bounded(mux)
}

// bounded refuses what is too much at once.
func bounded(next http.Handler) http.Handler {
	slots := make(chan struct{}, mostRequests)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		select {
		case slots <- struct{}{}:
			defer func() { <-slots }()
			next.ServeHTTP(w, r)
		default:
			w.Header().Set("Retry-After", "1")
			text(w, http.StatusServiceUnavailable, "too many requests at once")
		}
	})
}

func text(w http.ResponseWriter, code int, s string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(code)
	_, _ = w.Write([]byte(s + "\n")) // the client has gone: nobody to tell
}
