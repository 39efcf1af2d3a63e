package httpflow

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/weir-kafka/weir/flow"
)

// Transport is an [http.RoundTripper] that bounds the calls in flight to each
// host by a limiter, and starts none while the host has asked to be left alone.
// A call lasts until the body of its answer was read to the end or closed: who
// makes another call to the same host meanwhile holds two places of what may be
// a limit of one. The zero value is ready; it is safe for concurrent use.
//
// A request whose context has a level (see [flow.WithLevel]) carries it in the
// header Weir-Level, and is not sent while the host says that it would shed it.
type Transport struct {
	// Base makes the requests. Defaults to http.DefaultTransport.
	Base http.RoundTripper
	// LimiterFunc makes the limiter of a host, named as in the URL. Defaults to an adaptive one.
	LimiterFunc func(host string) *flow.Limiter
	// TenantFunc names whose quota a 429 is about, such as the credential of a
	// request: only requests of that tenant wait then, for a second if the 429 does
	// not say how long. Without it a 429 holds all requests to the host, as a 503
	// always does.
	TenantFunc func(*http.Request) string

	mu    sync.Mutex
	hosts map[string]*host
}

// HeldError says that a request was not sent, because the host asked to be left
// alone for longer than the request may take.
type HeldError struct {
	Host  string
	Until time.Time
}

// Error names the host and the time.
func (e *HeldError) Error() string {
	return fmt.Sprintf("httpflow: %s asked to be left alone until %s", e.Host, e.Until.Format(time.RFC3339))
}

// Unwrap makes it a [flow.ErrRefused].
func (e *HeldError) Unwrap() error { return flow.ErrRefused }

// RoundTrip implements [http.RoundTripper]. It waits for room at the host, until
// the request's context ends; when that would be before the host may be called
// again it returns a [HeldError] at once. It returns a [flow.RefusedError] when
// the host would shed the request.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	h := t.host(req.URL.Host)
	defer t.leave(h)
	tenant := ""
	if t.TenantFunc != nil {
		tenant = t.TenantFunc(req)
	}
	sent, err := h.admit(req, tenant)
	if err != nil {
		if req.Body != nil {
			_ = req.Body.Close() // a RoundTripper always closes it; nothing was sent
		}
		return nil, err
	}
	return t.call(h, sent, tenant)
}

// call makes a request that has its permit.
func (t *Transport) call(h *host, req *http.Request, tenant string) (*http.Response, error) {
	o := flow.Outcome{Kind: flow.Ignore} // of a base that panics
	given := false
	defer func() {
		if !given {
			h.limiter.Done(o)
		}
	}()
	resp, err := t.base().RoundTrip(req)
	if err != nil {
		o.Kind = flow.Classify(err)
		return nil, err
	}
	o = h.learn(resp, tenant)
	if resp.StatusCode == http.StatusSwitchingProtocols || resp.Body == nil || resp.Body == http.NoBody {
		return resp, nil // of a connection that was switched, the body is a stream both ways
	}
	given = true
	resp.Body = &body{ReadCloser: resp.Body, done: h.limiter.Done, o: o}
	return resp, nil
}

// CloseIdleConnections is for [http.Client.CloseIdleConnections].
func (t *Transport) CloseIdleConnections() {
	if c, ok := t.base().(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

func (t *Transport) base() http.RoundTripper {
	if t.Base != nil {
		return t.Base
	}
	return http.DefaultTransport
}

// mostHosts bounds what a transport remembers: hosts, and held tenants of one.
// Beyond it, one without a call in flight is forgotten for each new one.
const mostHosts = 1024

// host returns what is known of a host, and counts one more user of it.
func (t *Transport) host(name string) *host {
	t.mu.Lock()
	defer t.mu.Unlock()
	h := t.hosts[name]
	if h == nil {
		if len(t.hosts) >= mostHosts {
			t.forget()
		}
		h = &host{name: name, limiter: t.newLimiter(name), held: make(map[string]time.Time)}
		if t.hosts == nil {
			t.hosts = make(map[string]*host)
		}
		t.hosts[name] = h
	}
	h.users++
	return h
}

func (t *Transport) newLimiter(name string) *flow.Limiter {
	if t.LimiterFunc != nil {
		return t.LimiterFunc(name)
	}
	return flow.NewLimiter(flow.Knee(flow.KneeConfig{Sink: name}))
}

func (t *Transport) leave(h *host) {
	t.mu.Lock()
	defer t.mu.Unlock()
	h.users--
}

// forget drops a host that nobody uses and that asked for nothing.
func (t *Transport) forget() {
	for name, h := range t.hosts {
		if h.users == 0 && h.idle(time.Now()) {
			delete(t.hosts, name)
			return
		}
	}
}

// body gives the permit back when it ends.
type body struct {
	io.ReadCloser
	done func(flow.Outcome)
	once sync.Once
	o    flow.Outcome
}

// Read ends the call at the end of the body, and when it breaks off, which the
// code of the answer did not foresee.
func (b *body) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.once.Do(func() {
			if !errors.Is(err, io.EOF) && b.o.Kind == flow.Done {
				b.o = flow.Outcome{Kind: flow.Classify(err)}
			}
			b.done(b.o)
		})
	}
	return n, err
}

// Close ends the call.
func (b *body) Close() error {
	defer b.once.Do(func() { b.done(b.o) })
	return b.ReadCloser.Close()
}

// withLevel returns req with the level of its context in its header. The request
// of who called stays as it is, as a RoundTripper must leave it.
func withLevel(req *http.Request, level int) *http.Request {
	sent := *req
	sent.Header = req.Header.Clone()
	if sent.Header == nil {
		sent.Header = make(http.Header)
	}
	sent.Header.Set(levelHeader, strconv.Itoa(level))
	return &sent
}

func endsBefore(ctx context.Context, t time.Time) bool {
	end, ok := ctx.Deadline()
	return ok && !t.IsZero() && end.Before(t)
}
