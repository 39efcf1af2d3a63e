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
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
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
	// Stamped says that values begin with the time at which their record was due. The
	// meter's figures are then the latencies.
	Stamped bool
	// Repeating is how many records share 10,000 keys before each has one of its own; 0
	// leaves keys as they are.
	Repeating int64
	// BlocksAfter is after how many records the handler waits until the subject ends.
	BlocksAfter int64
	// InFlight is how many records may be handled at the same time, where that can be set.
	InFlight int
	// Stuck is a record that Weir's handler is given to hang with, nil for none.
	Stuck *Stuck
	// MemoryLimit is what the runtime is told, as GOMEMLIMIT does; 0 is nothing.
	MemoryLimit int64
	// Records is how many the topic has; 0 is without end.
	Records int64
	// Command runs a subject that is none of [All], with the specification behind it.
	Command []string
	// Warm is how much processor time it uses before it is measured, as compilers need some.
	Warm time.Duration
	// Piece is how long it is measured at a time, at least: for one that works in bursts.
	Piece time.Duration
}

// clientOptions are those that any peer on the raw client can have.
func (s Spec) clientOptions() []kgo.Opt {
	if s.Repeating == 0 {
		return nil
	}
	return []kgo.Opt{kgo.WithHooks(&NewKeys{Repeating: s.Repeating})}
}

// latencies are what m is to show of a stamped topic, nil of another.
func (s Spec) latencies(m *Meter) *Latencies {
	if !s.Stamped {
		return nil
	}
	l := &Latencies{}
	m.Show(l.Figures)
	return l
}

// Meter is what a subject has consumed.
type Meter struct {
	Records, Bytes atomic.Int64
	// First is when the first record was done with, in nanoseconds since 1970.
	First atomic.Int64

	mu     sync.Mutex
	shown  []func() map[string]float64
	wanted atomic.Pointer[func()]
}

// Show lets a subject say more of itself, by what f returns when it is looked at.
func (m *Meter) Show(f func() map[string]float64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.shown = append(m.shown, f)
}

// Figures returns all that is shown.
func (m *Meter) Figures() map[string]float64 {
	m.mu.Lock()
	shown := m.shown
	m.mu.Unlock()
	all := map[string]float64{}
	for _, f := range shown {
		maps.Copy(all, f())
	}
	return all
}

// Add counts records of so many bytes of values.
func (m *Meter) Add(records, bytes int) {
	if n := int64(records); m.Records.Add(n) == n && n > 0 {
		m.First.Store(time.Now().UnixNano())
	}
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
		"kgo-copy":   KGOCopy,
		"http-loop":  HTTPLoop,
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
