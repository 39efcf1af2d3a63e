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

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/flow/httpflow"
)

// service is a downstream with a real capacity: so many workers, so much time a
// request, so many that may wait. Its door refuses what is beyond with 503 and
// Retry-After.
type service struct {
	ledger  *ledger
	url     string
	stop    func() error
	takes   atomic.Int64 // nanoseconds a request
	refuses atomic.Bool
}

const (
	workers     = 8
	normalTime  = 4 * time.Millisecond // 8 workers x 4 ms: 2,000 requests a second
	slowTime    = 10 * normalTime
	mostWaiting = 256
	longestWait = 2 * time.Second // less than the pipeline's timeout
)

func startService(l *ledger) (*service, error) {
	ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("demo: service: %w", err)
	}
	s := &service{ledger: l, url: "http://" + ln.Addr().String() + "/orders"}
	s.takes.Store(int64(normalTime))
	srv := &http.Server{Handler: s.gate(httpflow.Handler(s, httpflow.Config{Admission: door()})), ReadHeaderTimeout: 5 * time.Second}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- httpflow.Serve(ctx, srv, ln, httpflow.Leaving{Wait: -1, Drain: drainService}) }()
	s.stop = func() error { cancel(); return <-done }
	return s, nil
}

// drainService is enough for a request of the slow service.
const drainService = 3 * time.Second

// door lets in as many as there are workers. The processor and the memory are not
// only the service's here: Kafka and the pipeline are in the same process.
func door() *flow.Admission {
	return flow.NewAdmission(flow.AdmissionConfig{
		Limiter: flow.NewLimiter(flow.Fixed(workers)), Waiting: mostWaiting, Interval: longestWait, Target: longestWait,
		CPU:    &flow.CPULoad{ReadFunc: func(time.Time) (time.Duration, float64) { return 0, 0 }},
		Memory: &flow.MemoryLoad{ReadFunc: func() float64 { return 0 }},
	})
}

// gate refuses everything while the service is told to.
func (s *service) gate(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.refuses.Load() {
			httpflow.Refuse(w, &flow.RefusedError{Reason: "no room", RetryAfter: time.Second})
			return
		}
		next.ServeHTTP(w, r)
	})
}

// ServeHTTP implements http.Handler, for a request that is in.
func (s *service) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var order struct {
		Key string `json:"key"`
		N   *int64 `json:"n"`
	}
	if err := json.NewDecoder(io.LimitReader(r.Body, 1<<20)).Decode(&order); err != nil || order.N == nil {
		http.Error(w, "not an order", http.StatusBadRequest)
		return
	}
	timer := time.NewTimer(time.Duration(s.takes.Load()))
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-r.Context().Done():
		return // the client has gone: no effect
	}
	s.ledger.arrive(order.Key, *order.N)
	w.WriteHeader(http.StatusNoContent)
}
