package peers

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/handlers"
)

// Figures of Weir, when Set has "figures" with one of these.
const (
	// Span is for how long it has worked: from the first call of the handler to the last
	// acknowledgement, in nanoseconds.
	Span = "span"
	// Window is for how many records are done beyond one that is not, as
	// [consumer.Report] has it: the most before a partition was paused for the first
	// time because its completion map does not fit the commit.
	Window = "window"
	// Beyond is how many there are now, and MapPaused whether there was such a pause.
	Beyond, MapPaused = "beyond", "map_paused"
)

// watched is what Weir is seen to do beside its count.
type watched struct {
	kind  string
	stuck string // the key that is

	first, last atomic.Int64

	mu           sync.Mutex
	beyond, most int64
	mapPaused    bool
}

func watch(s *Spec) *watched {
	w := &watched{kind: s.Set["figures"]}
	if s.Stuck != nil {
		w.stuck = s.Stuck.Key
	}
	return w
}

func (w *watched) before(h handlers.Handler) handlers.Handler {
	if w.kind != Span {
		return h
	}
	return handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
		if w.first.Load() == 0 {
			w.first.CompareAndSwap(0, time.Now().UnixNano())
		}
		return h.Handle(ctx, rec, emit)
	})
}

// wrote is told that something was acknowledged.
func (w *watched) wrote() {
	if w.kind == Span {
		w.last.Store(time.Now().UnixNano())
	}
}

// figures returns what is to be known, nil for nothing.
func (w *watched) figures() func() map[string]float64 {
	switch w.kind {
	case Span:
		return func() map[string]float64 { return map[string]float64{Span: float64(w.last.Load() - w.first.Load())} }
	case Window:
		return w.window
	}
	return nil
}

// lookEvery is how often the window is looked at: some thousand records become done
// meanwhile.
const lookEvery = 5 * time.Millisecond

// run looks at the window until ctx ends.
func (w *watched) run(ctx context.Context, c *consumer.Consumer) {
	if w.kind != Window {
		return
	}
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	for {
		select {
		case <-t.C:
			w.note(c.Explain())
		case <-ctx.Done():
			return
		}
	}
}

func (w *watched) note(r consumer.Report) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.beyond = 0
	for i := range r.Partitions {
		p := &r.Partitions[i]
		w.beyond += p.DoneBeyond
		w.mapPaused = w.mapPaused || p.State == consumer.StatePaused && slices.Contains(p.Reasons, "completion map")
	}
	if !w.mapPaused {
		w.most = max(w.most, w.beyond)
	}
}

func (w *watched) window() map[string]float64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := map[string]float64{Window: float64(w.most), Beyond: float64(w.beyond), MapPaused: 0}
	if w.mapPaused {
		f[MapPaused] = 1
	}
	return f
}
