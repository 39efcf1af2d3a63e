package httpflow

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"sync"
	"time"

	"github.com/weir-kafka/weir/flow"
)

// Config says what a server takes. Zero fields mean the defaults.
type Config struct {
	// Admission is the door. Defaults to one with an adaptive limiter.
	Admission *flow.Admission
	// ExemptFunc picks requests that are always served: health, metrics, and
	// those that last, such as subscriptions, whose time says nothing of the room here.
	ExemptFunc func(*http.Request) bool
	// ClassFunc says how important a request is. Defaults to flow.ClassNormal.
	ClassFunc func(*http.Request) int
	// TenantFunc names who sends a request: whose quota it uses, and what its
	// place within the class is. Defaults to nobody.
	TenantFunc func(*http.Request) string
	// TrustLevel takes the level from the header Weir-Level where there is one,
	// and answers with Weir-Cut. It is for services whose clients are services
	// of the same house: everybody else would call himself important.
	TrustLevel bool
}

// bodyPatience is how long the body of a refused request may take to come, which
// net/http reads, if it is small, to keep the connection.
const bodyPatience = time.Second

// Handler puts a door in front of next. A request that it has no room for is
// answered with 503, or 429 when its tenant's quota is used up, Retry-After and
// a line of text before anything of its body was read. What is let in carries
// its level in its context, from where [Transport] takes it along.
//
// What next answers tells the limiter whether there was room: 503, 504 and 529
// are overload, a 429 is the business of next and its client, everything else is
// served. A handler that panics gives its place back, and the panic goes on to
// the server. A connection that is hijacked gives its place back then: it is no
// request any more.
func Handler(next http.Handler, cfg Config) http.Handler {
	if cfg.Admission == nil {
		cfg.Admission = flow.NewAdmission(flow.AdmissionConfig{})
	}
	return &handler{next, cfg}
}

type handler struct {
	next http.Handler
	cfg  Config
}

// ServeHTTP implements [http.Handler].
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if h.cfg.ExemptFunc != nil && h.cfg.ExemptFunc(r) {
		h.next.ServeHTTP(w, r)
		return
	}
	v, told := h.visit(r)
	if told {
		w.Header().Set(cutHeader, strconv.Itoa(h.cfg.Admission.Snapshot().Cut))
	}
	if err := h.cfg.Admission.Enter(r.Context(), v); err != nil {
		if r.Body != nil && r.Body != http.NoBody {
			// Not every writer has deadlines; those of net/http are set anew for the next request.
			_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(bodyPatience))
		}
		Refuse(w, err)
		return
	}
	h.serve(w, r, v.Level)
}

// visit reads the head of a request. told is whether its sender said its level.
func (h *handler) visit(r *http.Request) (v flow.Visit, told bool) {
	if h.cfg.TenantFunc != nil {
		v.Tenant = h.cfg.TenantFunc(r)
	}
	if h.cfg.TrustLevel {
		if level, err := strconv.Atoi(r.Header.Get(levelHeader)); err == nil {
			v.Level = level
			return v, true
		}
	}
	class := flow.ClassNormal
	if h.cfg.ClassFunc != nil {
		class = h.cfg.ClassFunc(r)
	}
	v.Level = h.cfg.Admission.Level(class, v.Tenant)
	return v, false
}

// serve runs next for a request that is in.
func (h *handler) serve(w http.ResponseWriter, r *http.Request, level int) {
	inner := r.WithContext(flow.WithLevel(r.Context(), level))
	out := &answer{ResponseWriter: w}
	var once sync.Once
	exit := func(o flow.Outcome) { once.Do(func() { h.cfg.Admission.Exit(o) }) }
	out.hijacked = func() { exit(flow.Outcome{Kind: flow.Ignore}) }
	o := flow.Outcome{Kind: flow.Ignore} // of a handler that panics
	defer func() {
		exit(o)
		r.MultipartForm = inner.MultipartForm // whose files the server removes
	}()
	h.next.ServeHTTP(out, inner)
	o = flow.Outcome{Kind: served(r.Context(), out.code), Work: 1}
}

// served is what a server learns from its own answer.
func served(ctx context.Context, code int) flow.Verdict {
	switch err := ctx.Err(); {
	case full(code), errors.Is(err, context.DeadlineExceeded):
		return flow.Overload
	case code == http.StatusTooManyRequests, err != nil: // not of the room here; cut short by who asked
		return flow.Ignore
	}
	return flow.Done
}
