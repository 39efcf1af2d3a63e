// Package peers has what is measured: Weir, the raw client, and the consumers that a
// team would use instead, each set up by its own documentation. Fetch sizes and the
// commit interval are the same for all, where they can be set.
package peers

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
	"time"
)

const (
	// FetchBytes is the most that one partition gives to a fetch.
	FetchBytes = 1 << 20
	// CommitInterval is how often progress is committed.
	CommitInterval = time.Second
)

// Spec is one subject and its work. It crosses the border of a process as JSON.
type Spec struct {
	Peer    string   // a key of [All]
	Brokers []string // seed brokers
	Topic   string
	Group   string
	// Set is what one subject alone knows, such as Weir's order.
	Set map[string]string
	// Handler is how long the handling of a record takes without the processor.
	Handler time.Duration
	// InFlight is how many records may be handled at the same time, where that can be set.
	InFlight int
	// Stuck is a record that Weir's handler is given to hang with, nil for none.
	Stuck *Stuck
}

// Meter is what a subject has consumed.
type Meter struct {
	Records, Bytes atomic.Int64
	// Figures are others that a subject wants to be known, such as commits. It is set
	// before anything is added.
	Figures func() map[string]float64

	wanted atomic.Pointer[func()]
}

// Add counts records of so many bytes of values.
func (m *Meter) Add(records, bytes int) {
	m.Records.Add(int64(records))
	m.Bytes.Add(int64(bytes))
	if f := m.wanted.Load(); f != nil && m.wanted.CompareAndSwap(f, nil) {
		(*f)()
	}
}

// AtNext calls f once, within the next Add: so what is seen there is seen between two
// batches and not in the middle of one. When none comes for so long, f is called all the
// same.
func (m *Meter) AtNext(longest time.Duration, f func()) {
	done := make(chan struct{})
	look := func() { f(); close(done) }
	m.wanted.Store(&look)
	t := time.NewTimer(longest)
	defer t.Stop()
	select {
	case <-done:
	case <-t.C:
		if m.wanted.CompareAndSwap(&look, nil) {
			f()
			return
		}
		<-done
	}
}

// Peer consumes until ctx ends.
type Peer func(ctx context.Context, s Spec, m *Meter) error

// All returns the subjects by name.
func All() map[string]Peer {
	return map[string]Peer{
		"kgo":        KGO,
		"weir":       Weir,
		"sarama":     Sarama,
		"kafka-go":   KafkaGo,
		"watermill":  Watermill,
		"sleepers":   Sleepers,
		"partitions": Partitions,
		"per-key":    PerKey,
	}
}

// Run runs the subject that s names.
func Run(ctx context.Context, s Spec, m *Meter) error {
	p := All()[s.Peer]
	if p == nil {
		return fmt.Errorf("peer %q is none of %s", s.Peer, strings.Join(slices.Sorted(maps.Keys(All())), ", "))
	}
	return p(ctx, s, m)
}
