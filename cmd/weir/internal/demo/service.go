package demo

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"
)

// service is a downstream with a real capacity: so many workers, so much time a
// request, so many that may wait. It refuses what is beyond with 503.
type service struct {
	ledger  *ledger
	url     string
	srv     *http.Server
	workers chan struct{}
	waiting atomic.Int64
	takes   atomic.Int64 // nanoseconds a request
	refuses atomic.Bool
	done    chan error
}

const (
	workers     = 8
	normalTime  = 4 * time.Millisecond // 8 workers x 4 ms: 2,000 requests a second
	slowTime    = 10 * normalTime
	mostWaiting = 256
)

func startService(l *ledger) (*service, error) {
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("demo: service: %w", err)
	}
	s := &service{ledger: l, url: "http://" + ln.Addr().String() + "/orders", workers: make(chan struct{}, workers), done: make(chan error, 1)}
	s.takes.Store(int64(normalTime))
	s.srv = &http.Server{Handler: s, ReadHeaderTimeout: 5 * time.Second}
	go func() { s.done <- s.srv.Serve(ln) }()
	return s, nil
}

func (s *service) stop() {
	_ = s.srv.Close()
	<-s.done
}

// ServeHTTP implements http.Handler.
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if s.refuses.Load() || s.waiting.Load() >= mostWaiting {
		w.Header().Set("Retry-After", "1")
		http.Error(w, "no room", http.StatusServiceUnavailable)
		return
	}
	var order struct {
		Key string `json:"key"`
		N   *int64 `json:"n"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&order); err != nil || order.N == nil {
		http.Error(w, "not an order", http.StatusBadRequest)
		return
	}
	if err := s.work(r.Context()); err != nil {
		return // the client has gone: no effect
	}
	s.ledger.arrive(order.Key, *order.N)
	w.WriteHeader(http.StatusNoContent)
}

// work waits for a worker and then for the time that the request takes.
func (s *service) work(ctx context.Context) error {
	s.waiting.Add(1)
	select {
	case s.workers <- struct{}{}:
		s.waiting.Add(-1)
	case <-ctx.Done():
		s.waiting.Add(-1)
		return ctx.Err()
	}
	defer func() { <-s.workers }()
	timer := time.NewTimer(time.Duration(s.takes.Load()))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err()
}
