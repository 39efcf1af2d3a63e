package trial

import (
	"context"
	"runtime/metrics"
	"sync"
	"time"
)

// Memory is the most a process had at once.
type Memory struct {
	Bytes      uint64 // of the system, without what was given back
	Goroutines uint64
}

// meter keeps the peak.
type meter struct {
	mu   sync.Mutex
	most Memory
}

func newMeter(ctx context.Context) *meter {
	m := new(meter)
	go func() {
		beat := time.NewTicker(10 * time.Millisecond)
		defer beat.Stop()
		for {
			select {
			case <-ctx.Done():
				return
			case <-beat.C:
				m.sample()
			}
		}
	}()
	return m
}

func (m *meter) sample() {
	s := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}, {Name: "/sched/goroutines:goroutines"},
	}
	metrics.Read(s)
	m.mu.Lock()
	defer m.mu.Unlock()
	m.most.Bytes = max(m.most.Bytes, s[0].Value.Uint64()-s[1].Value.Uint64())
	m.most.Goroutines = max(m.most.Goroutines, s[2].Value.Uint64())
}

// peak returns the most since it was asked last.
func (m *meter) peak() Memory {
	m.sample()
	m.mu.Lock()
	defer m.mu.Unlock()
	most := m.most
	m.most = Memory{}
	return most
}
