package httpflow

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/weir-kafka/weir/flow"
)

// host is what a transport knows of one host.
type host struct {
	name    string
	limiter *flow.Limiter
	cut     flow.Cut
	users   int // requests in RoundTrip; guarded by the transport's mu

	mu   sync.Mutex
	held map[string]time.Time // by tenant
}

// unsaid is how long a tenant waits after a 429 that does not say.
const unsaid = time.Second

// admit waits for a permit, and returns the request to send.
func (h *host) admit(req *http.Request, tenant string) (*http.Request, error) {
	ctx := req.Context()
	if level, ok := flow.LevelOf(ctx); ok {
		if err := h.cut.Check(time.Now(), level); err != nil {
			return nil, err
		}
		req = withLevel(req, level)
	}
	if err := h.awaitTenant(ctx, tenant); err != nil {
		return nil, err
	}
	if until := h.limiter.HoldUntil(); endsBefore(ctx, until) {
		return nil, &HeldError{h.name, until}
	}
	return req, h.limiter.Acquire(ctx)
}

// awaitTenant waits while the tenant is held.
func (h *host) awaitTenant(ctx context.Context, tenant string) error {
	for {
		h.mu.Lock()
		until := h.held[tenant]
		h.mu.Unlock()
		wait := time.Until(until)
		if wait <= 0 {
			return nil
		}
		if endsBefore(ctx, until) {
			return &HeldError{h.name, until}
		}
		timer := time.NewTimer(wait)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
	}
}

// learn returns what an answer tells the limiter, and notes what it says besides.
func (h *host) learn(resp *http.Response, tenant string) flow.Outcome {
	if cut, err := strconv.Atoi(resp.Header.Get(cutHeader)); err == nil {
		h.cut.Learn(time.Now(), cut)
	}
	o := flow.Outcome{Kind: Verdict(resp.StatusCode), Work: 1}
	if o.Kind == flow.Overload {
		o.RetryAfter = RetryAfter(resp.Header)
	}
	if resp.StatusCode == http.StatusTooManyRequests && tenant != "" {
		after := o.RetryAfter
		if after <= 0 {
			after = unsaid
		}
		h.hold(tenant, after)
		return flow.Outcome{Kind: flow.Ignore} // the tenant's quota says nothing of the host's room
	}
	return o
}

// hold notes that a tenant was asked to wait.
func (h *host) hold(tenant string, after time.Duration) {
	now := time.Now()
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, known := h.held[tenant]; !known && len(h.held) >= mostHosts {
		h.release(now)
	}
	if until := now.Add(after); until.After(h.held[tenant]) {
		h.held[tenant] = until
	}
}

// release forgets the tenants that need not wait any more, or one that has to:
// it will be told again.
func (h *host) release(now time.Time) {
	var last string
	for name, until := range h.held {
		last = name
		if !until.After(now) {
			delete(h.held, name)
		}
	}
	if len(h.held) >= mostHosts {
		delete(h.held, last)
	}
}

// idle reports whether nothing is lost when the host is forgotten, but for what its
// limiter has learned.
func (h *host) idle(now time.Time) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, until := range h.held {
		if until.After(now) {
			return false
		}
	}
	return h.limiter.InFlight() == 0 && h.limiter.HoldUntil().IsZero()
}
