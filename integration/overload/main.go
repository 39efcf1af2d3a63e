// Command overload shows an HTTP server under ten times its capacity, as it is
// and behind httpflow, side by side.
package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/weir-kafka/weir/flow/httpflow"
	"github.com/weir-kafka/weir/integration/overload/trial"
)

func main() { trial.Main(subject()) }

func subject() trial.Subject { return trial.Subject{Name: "HTTP", ServeFunc: serve, DialFunc: dial} }

func serve(ctx context.Context, ln net.Listener, work func(), guarded bool) error {
	var h http.Handler = http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		work()
		_, _ = io.WriteString(w, "done\n") // a client that gave up does not read it
	})
	if guarded {
		h = httpflow.Handler(h, httpflow.Config{})
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: 10 * time.Second}
	return httpflow.Serve(ctx, srv, ln, httpflow.Leaving{Wait: -1})
}

func dial(addr string) (func(context.Context) trial.Answer, error) {
	base := &http.Transport{MaxIdleConns: 4096, MaxIdleConnsPerHost: 4096}
	client := &http.Client{Transport: base}
	return func(ctx context.Context) trial.Answer {
		req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/", nil)
		if err != nil {
			return trial.Failed
		}
		resp, err := client.Do(req)
		if err != nil {
			return trial.Failed
		}
		defer func() { _ = resp.Body.Close() }() // read to its end below
		if _, err := io.Copy(io.Discard, resp.Body); err != nil {
			return trial.Failed
		}
		switch {
		case resp.StatusCode == http.StatusOK:
			return trial.Served
		case resp.StatusCode != http.StatusServiceUnavailable && resp.StatusCode != http.StatusTooManyRequests:
			return trial.Failed
		case httpflow.RetryAfter(resp.Header) == 0:
			return trial.Bare
		}
		return trial.Refused
	}, nil
}
