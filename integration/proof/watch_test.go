//go:build synctests

package proof_test

import (
	"bytes"
	"fmt"
	"runtime"
	"runtime/metrics"
	"runtime/pprof"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// What one seed may use. Virtual time stands still while anything runs, so what
// goes in circles in a bubble goes on for good and takes all memory.
const (
	mostTime       = 90 * time.Second // real: the slowest seeds take some
	mostGoroutines = 100_000
	mostHeap       = 3 << 30
	lookEvery      = 50 * time.Millisecond
)

// watch ends what does not end by itself. It must be made outside of bubbles.
type watch struct {
	give func(why string) // up: a bubble can not be ended from outside, so the process has to
	time time.Duration
	most int // goroutines

	mu    sync.Mutex
	seeds map[uint64]time.Time
	stop  chan struct{}
	done  chan struct{}
}

func newWatch(most int, lasts time.Duration, give func(why string)) *watch {
	w := &watch{give: give, time: lasts, most: most, seeds: map[uint64]time.Time{}, stop: make(chan struct{}), done: make(chan struct{})}
	go w.run()
	return w
}

func (w *watch) run() {
	defer close(w.done)
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-w.stop:
			return
		}
		if why := w.look(); why != "" {
			w.give(why)
			return
		}
	}
}

// look says what is too much, and the seeds that run.
func (w *watch) look() (why string) {
	n := runtime.NumGoroutine()
	heap := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(heap)
	used := heap[0].Value.Uint64()
	w.mu.Lock()
	defer w.mu.Unlock()
	for seed, begun := range w.seeds {
		switch {
		case time.Since(begun) > w.time:
			return fmt.Sprintf("seed %d does not end within %s", seed, w.time)
		case n > w.most, used > mostHeap:
			why += fmt.Sprintf("seed %d is one of those that run with %d goroutines and %d MB; ", seed, n, used>>20)
		}
	}
	return why
}

func (w *watch) begin(seed uint64, at time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seeds[seed] = at
}

func (w *watch) end(seed uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.seeds, seed)
}

func (w *watch) close() {
	close(w.stop)
	<-w.done
}

// stacks is what most goroutines do.
func stacks() string {
	var b bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&b, 1); err != nil {
		return err.Error()
	}
	return string(b.Bytes()[:min(b.Len(), 16<<10)])
}

// Virtual time stands still in a bubble that is busy: only from outside can it be
// seen that it is for too long, or that it uses too much.
func TestASeedThatGoesInCirclesIsGivenUpWithItsNumber(t *testing.T) {
	for _, c := range []struct {
		name       string
		goroutines int
		lasts      time.Duration
		want       string
	}{
		{"goroutines", runtime.NumGoroutine() + 500, time.Hour, "seed 4711 is one of those that run"},
		{"time", 1 << 30, 100 * time.Millisecond, "seed 4711 does not end within 100ms"},
	} {
		t.Run(c.name, func(t *testing.T) {
			var over atomic.Bool
			var why string
			w := newWatch(c.goroutines, c.lasts, func(s string) { why = s; over.Store(true) })
			w.begin(4711, time.Now())
			synctest.Test(t, func(*testing.T) {
				done := make(chan struct{})
				for n := 0; !over.Load(); n++ { // as a client that asks again at once, each time with a goroutine
					if n < 1000 {
						go func() { <-done }()
					}
					runtime.Gosched()
				}
				close(done)
			})
			w.close()
			if got := why[:min(len(why), len(c.want))]; got != c.want {
				t.Errorf("got %q, want %q", why, c.want)
			}
		})
	}
}
