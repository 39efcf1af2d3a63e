package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/weir-kafka/weir/bench/peers"
	"github.com/weir-kafka/weir/integration/pool"
)

// serviceSpec is HTTP services in a process of its own: one that answers each request
// after a while, or Pools of them, each with servers of its own.
type serviceSpec struct {
	Takes   time.Duration // there are as many of these at work as there are requests
	Pools   int
	Servers int
	Mean    time.Duration
}

// answer is the services' process: it prints their addresses, gives the pools the way
// that each line of its input describes, answers that with what each served until
// then, and ends with its input.
func answer(spec string) error {
	var s serviceSpec
	if err := json.Unmarshal([]byte(spec), &s); err != nil {
		return fmt.Errorf("specification of a service: %w", err)
	}
	pools := make([]*pool.Pool, s.Pools)
	services := []http.Handler{taking(s.Takes)}
	if s.Pools > 0 {
		services = services[:0]
	}
	for i := range pools {
		pools[i] = pool.New(s.Servers, s.Mean)
		services = append(services, pools[i])
	}
	urls := make([]string, len(services))
	for i, h := range services {
		ln, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
		if err != nil {
			return err
		}
		srv := &http.Server{Handler: read(h), ReadHeaderTimeout: 10 * time.Second}
		defer func() { _ = srv.Close() }()
		go func() { _ = srv.Serve(ln) }()
		urls[i] = "http://" + ln.Addr().String()
	}
	fmt.Println(strings.Join(urls, ","))
	return follow(pools, json.NewDecoder(os.Stdin), json.NewEncoder(os.Stdout))
}

func follow(pools []*pool.Pool, in *json.Decoder, out *json.Encoder) error {
	for {
		var w pool.Way
		if err := in.Decode(&w); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		counts := make([]pool.Counts, len(pools))
		for i, p := range pools {
			counts[i] = p.Behave(w)
		}
		if err := out.Encode(counts); err != nil {
			return err
		}
	}
}

// read takes the body of a request before it is answered, as a service does.
func read(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body)
		next.ServeHTTP(w, r)
	})
}

// taking answers after so long.
func taking(d time.Duration) http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		if d > 0 {
			_ = peers.Wait(r.Context(), d)
		}
	})
}

// services is the process of services.
type services struct {
	*child
	urls []string
}

func startServices(s serviceSpec) (*services, error) {
	c, urls, err := serving("service", "-answer", s)
	if err != nil {
		return nil, err
	}
	return &services{c, urls}, nil
}

// behave changes how all pools behave, and returns what each did until now.
func (s *services) behave(w pool.Way) ([]pool.Counts, error) {
	if err := json.NewEncoder(s.in).Encode(w); err != nil {
		return nil, fmt.Errorf("the service: %w", err)
	}
	var counts []pool.Counts
	if err := json.NewDecoder(s.out).Decode(&counts); err != nil {
		return nil, fmt.Errorf("the service: %w", err)
	}
	return counts, nil
}
