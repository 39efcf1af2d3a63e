package peers

import (
	"context"
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/sink"
)

// Figures of Weir, when Set has "figures" with one of these.
const (
	// Span is for how long it has worked: from the first call of the handler to the last
	// acknowledgement, in nanoseconds.
	Span = "span"
	// Latency is the median and the 99th percentile, since the last look and in
	// nanoseconds, of the time from when a record was due, which its value begins with, to
	// its acknowledgement; without those of the key that is stuck.
	Latency = "latency"
	// P50 and P99 are the figures of [Latency].
	P50, P99 = "p50", "p99"
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

	mu        sync.Mutex
	latencies []int64

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

// wrote is told what was acknowledged.
func (w *watched) wrote(batch []sink.Message) {
	switch now := time.Now().UnixNano(); w.kind {
	case Span:
		w.last.Store(now)
	case Latency:
		w.mu.Lock()
		defer w.mu.Unlock()
		for i := range batch {
			if string(batch[i].Key) != w.stuck {
				w.latencies = append(w.latencies, now-int64(binary.BigEndian.Uint64(batch[i].Value)))
			}
		}
	}
}

// figures returns what is to be known, nil for nothing.
func (w *watched) figures() func() map[string]float64 {
	switch w.kind {
	case Span:
		return func() map[string]float64 { return map[string]float64{Span: float64(w.last.Load() - w.first.Load())} }
	case Latency:
		return w.quantiles
	case Window:
		return w.window
	}
	return nil
}

func (w *watched) quantiles() map[string]float64 {
	w.mu.Lock()
	all := w.latencies
	w.latencies = nil
	w.mu.Unlock()
	if len(all) == 0 {
		return nil
	}
	slices.Sort(all)
	at := func(q float64) float64 { return float64(all[int(q*float64(len(all)-1))]) }
	return map[string]float64{P50: at(0.5), P99: at(0.99)}
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
