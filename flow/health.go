package flow

import (
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"time"
)

// Health answers the two questions an orchestrator asks. Live: does the process
// run? Ready: should it get requests? It should not before it started, while it
// drains, and when it was itself overloaded for longer than Patience. A sink
// that is down is not its own overload: all replicas would leave at the same
// time, and nothing would be better.
//
// A replica that leaves loads the others more. So each leaves after a time of
// its own, between once and four times Patience, and comes back after at most
// Out, be it still overloaded or not: when all are overloaded in the same
// moment, about half are in rotation at any time, and not none.
//
// The zero value has not started. The fields are set before the first use. It
// is safe for concurrent use.
type Health struct {
	Patience    time.Duration     // zero means 10 s
	Out         time.Duration     // zero means 30 s; each stay is between a fifth and all of it
	RandFunc    func() float64    // in [0, 1); nil means math/rand
	NowFunc     func() time.Time  // of the handlers; nil means time.Now
	VerboseFunc func(w io.Writer) // adds to what ServeReady says to ?verbose, such as which sink is down; nil means nothing

	mu         sync.Mutex
	started    bool
	draining   bool
	overloaded bool
	out        bool
	since      time.Time     // when it was overloaded first, or came back overloaded
	patience   time.Duration // from since on
	until      time.Time     // out no longer than this
}

// Start says that start-up is complete.
func (h *Health) Start() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.started = true
}

// Drain says that the process is about to end. It is not ready ever after; it
// should serve on for as long as the load balancer takes to see that, 5 to 10 s.
func (h *Health) Drain() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.draining = true
}

// Overload says whether the process itself has too much to do, as [CPULoad] and
// [MemoryLoad] tell. It may be called as often as one likes.
func (h *Health) Overload(now time.Time, overloaded bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if overloaded && !h.overloaded {
		h.wait(now)
	}
	h.overloaded = overloaded
	h.step(now)
}

// Ready reports whether the process should get requests at now, and why not:
// "draining", "starting" or "overloaded".
func (h *Health) Ready(now time.Time) (ok bool, reason string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.step(now)
	switch {
	case h.draining:
		return false, "draining"
	case !h.started:
		return false, "starting"
	case h.out:
		return false, "overloaded"
	}
	return true, ""
}

// wait begins another span of patience.
func (h *Health) wait(now time.Time) {
	h.since = now
	h.patience = time.Duration(float64(orDefault(h.Patience, 10*time.Second)) * (1 + 3*h.random()))
}

// step does what time alone does.
func (h *Health) step(now time.Time) {
	switch {
	case h.out && !h.overloaded:
		h.out = false
	case h.out && !now.Before(h.until):
		h.out = false
		h.wait(now)
	case !h.out && h.overloaded && now.Sub(h.since) > h.patience:
		h.out = true
		h.until = now.Add(time.Duration(float64(orDefault(h.Out, 30*time.Second)) * (0.2 + 0.8*h.random())))
	}
}

func (h *Health) random() float64 {
	if h.RandFunc != nil {
		return h.RandFunc()
	}
	return rand.Float64()
}

// ServeLive answers 200 as long as the process can answer at all. It is an
// [http.HandlerFunc], for /livez.
func (h *Health) ServeLive(w http.ResponseWriter, _ *http.Request) { answer(w, http.StatusOK, "ok\n") }

// ServeReady answers 200 or 503 with the reason. It is an [http.HandlerFunc], for
// /readyz; with the query verbose it adds what VerboseFunc writes.
func (h *Health) ServeReady(w http.ResponseWriter, r *http.Request) {
	now := time.Now
	if h.NowFunc != nil {
		now = h.NowFunc
	}
	code, text := http.StatusOK, "ok"
	if ok, reason := h.Ready(now()); !ok {
		code, text = http.StatusServiceUnavailable, reason
	}
	answer(w, code, text+"\n")
	if r.URL.Query().Has("verbose") && h.VerboseFunc != nil {
		h.VerboseFunc(w)
	}
}

func answer(w http.ResponseWriter, code int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(code)
	_, _ = io.WriteString(w, text)
}
