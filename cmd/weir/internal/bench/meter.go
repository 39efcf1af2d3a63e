package bench

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/handlers"
)

// meter stands before the handler of a pipeline. It lets through what is in the window,
// and nothing that lies behind it; and it knows when the handler has seen all of it. On
// the way of a record of the measured part it costs two comparisons.
type meter struct {
	next   handlers.Handler
	limits map[string][]int64
	only   string  // the topic, if there is but one: its limits need no map
	single []int64 // its limits

	warm    int64 // handled records after which warmed is called
	warmed  func()
	handled atomic.Int64 // up to warm
	hot     atomic.Bool  // no longer counted

	mask        int64        // calls of offsets that have none of these bits are timed
	time, timed atomic.Int64 // in nanoseconds, and how many

	first  atomic.Int64 // when the first record came, in nanoseconds
	beyond atomic.Int64 // records behind the window
	client atomic.Pointer[kgo.Client]
	all    chan struct{} // closed when the last record of every partition was handled

	mu     sync.Mutex
	missed map[place]struct{} // partitions whose last record was not
	paused time.Time
}

// place is a partition.
type place struct {
	topic     string
	partition int32
}

func newMeter(w *window, next handlers.Handler, warm int64, warmed func()) *meter {
	m := &meter{mask: maskOf(w.records), next: next, limits: w.limits(), warm: warm, warmed: warmed, all: make(chan struct{}), missed: map[place]struct{}{}}
	for i := range w.shares {
		if s := &w.shares[i]; s.n > 0 {
			m.missed[place{s.topic, s.partition}] = struct{}{}
		}
	}
	if len(m.limits) == 1 {
		for topic, l := range m.limits {
			m.only, m.single = topic, l
		}
	}
	return m
}

// maskOf has one call of 64 timed, and one of 8 where there are few.
func maskOf(records int64) int64 {
	if records < 1<<16 {
		return 7
	}
	return 63
}

// Handle implements handlers.Handler.
func (m *meter) Handle(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
	limits := m.single
	if rec.Topic != m.only {
		limits = m.limits[rec.Topic]
	}
	last := lastOf(limits, rec.Partition)
	if rec.Offset > last {
		m.behind(rec)
		return nil
	}
	if !m.hot.Load() {
		m.warmUp()
	}
	err := m.call(ctx, rec, emit)
	if rec.Offset == last {
		m.ended(rec)
	}
	return err
}

// call calls the handler, and now and again looks how long it takes. The engine's own
// figure is of whole batches, with what the engine does for each record.
func (m *meter) call(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
	if rec.Offset&m.mask != 0 {
		return m.next.Handle(ctx, rec, emit)
	}
	begin := time.Now()
	err := m.next.Handle(ctx, rec, emit)
	m.time.Add(int64(time.Since(begin)))
	m.timed.Add(1)
	return err
}

// each returns how long a call of the handler took, less what it takes to look.
func (m *meter) each() time.Duration {
	n := m.timed.Load()
	if n == 0 {
		return 0
	}
	least := time.Hour
	for range 1000 {
		least = min(least, time.Since(time.Now()))
	}
	return max(time.Duration(m.time.Load()/n)-least, 0)
}

func (m *meter) warmUp() {
	n := m.handled.Add(1)
	if n == 1 {
		m.first.Store(time.Now().UnixNano())
	}
	if n == m.warm {
		m.warmed()
	}
	if n >= m.warm {
		m.hot.Store(true)
	}
}

// ended notes that the handler has seen the last record of a partition.
func (m *meter) ended(rec *handlers.Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	at := place{rec.Topic, rec.Partition}
	if _, ok := m.missed[at]; !ok {
		return
	}
	delete(m.missed, at)
	m.pause(rec)
	if len(m.missed) == 0 {
		close(m.all)
	}
}

// behind lets go of a record that is none of the window's.
func (m *meter) behind(rec *handlers.Record) {
	m.beyond.Add(1)
	m.mu.Lock()
	defer m.mu.Unlock()
	if time.Since(m.paused) > askAgain { // many come at once
		m.paused = time.Now()
		m.pause(rec)
	}
}

// pause has the client fetch no more of a partition, as the raw loop does. Once in a
// second the engine opens what it has not paused itself; then another record comes, and
// it is paused again.
func (m *meter) pause(rec *handlers.Record) {
	if cl := m.client.Load(); cl != nil {
		cl.PauseFetchPartitions(map[string][]int32{rec.Topic: {rec.Partition}})
	}
}

var _ kgo.HookNewClient = (*meter)(nil)

// OnNewClient implements kgo.HookNewClient.
func (m *meter) OnNewClient(cl *kgo.Client) { m.client.Store(cl) }
