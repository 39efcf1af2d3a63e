package main

import (
	"bytes"
	"encoding/json"
	"io"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"time"
)

// effect is one message that the service took.
type effect struct {
	Key    string `json:"key"`
	N      int    `json:"n"`
	Poison bool   `json:"poison"`

	crashes int // that had been when it came
}

// ledger is the service behind the pipeline. It outlives the processes under
// test and remembers what it took, in order.
type ledger struct {
	down    atomic.Bool
	crashes atomic.Int64

	mu      sync.Mutex
	effects []effect
}

// ServeHTTP takes a message or lines of messages, all or none. It refuses poison
// for good, and at random what it will take the next time; one key is slow, so
// that there are records done beyond others that are not.
func (l *ledger) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // it was not sent whole
	}
	if l.down.Load() {
		w.Header().Set("Retry-After", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	var took []effect
	poison, slow := false, false
	for line := range bytes.Lines(body) {
		var e effect
		if err := json.Unmarshal(line, &e); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		poison, slow = poison || e.Poison, slow || e.Key == slowKey
		took = append(took, e)
	}
	switch {
	case poison:
		w.WriteHeader(http.StatusUnprocessableEntity)
	case rand.IntN(50) == 0:
		w.WriteHeader(http.StatusInternalServerError)
	default:
		l.take(took) // before the wait: else a dead process would have effects after its successor's first
		if slow {
			time.Sleep(150 * time.Millisecond)
		}
	}
}

func (l *ledger) take(took []effect) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i := range took {
		took[i].crashes = int(l.crashes.Load())
	}
	l.effects = append(l.effects, took...)
}

// taken returns what was taken until now.
func (l *ledger) taken() []effect {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.effects[:len(l.effects):len(l.effects)]
}
