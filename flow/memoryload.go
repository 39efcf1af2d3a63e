package flow

import (
	"math"
	"runtime/metrics"
	"sync"
	"time"
)

// MemoryLoad tells how near this process is to its memory limit (GOMEMLIMIT),
// in levels that say what to do: 1 at 0.80 of it, take no new work; 2 at 0.90,
// shed the less important classes; 3 at 0.95, shed all but the first. A level
// is left 10 points lower. Without a limit the level is 0. What counts is the
// memory the runtime holds of the system, without what it gave back.
//
// It reads when it is asked and has no goroutine. The zero value is ready; the
// fields are set before the first use. It is safe for concurrent use.
type MemoryLoad struct {
	Every    time.Duration             // between samples; zero means 100 ms
	ReadFunc func() (fraction float64) // of the limit that is used; nil reads this process

	mu    sync.Mutex
	next  time.Time
	level int
}

const memoryLower = 0.10

// memoryAt returns the fraction at which a level begins.
func memoryAt(level int) float64 { return [...]float64{0, 0.80, 0.90, 0.95}[level] }

// Level returns the level at now, 0 to 3.
func (m *MemoryLoad) Level(now time.Time) int {
	m.mu.Lock()
	defer m.mu.Unlock()
	if !now.Before(m.next) {
		m.next = now.Add(orDefault(m.Every, 100*time.Millisecond))
		if m.ReadFunc == nil {
			m.step(memoryUsed())
		} else {
			m.step(m.ReadFunc())
		}
	}
	return m.level
}

// step takes one sample.
func (m *MemoryLoad) step(fraction float64) {
	for m.level < 3 && fraction > memoryAt(m.level+1) {
		m.level++
	}
	for m.level > 0 && fraction < memoryAt(m.level)-memoryLower {
		m.level--
	}
}

// memoryUsed returns the used fraction of this process's limit, zero when it
// has none.
func memoryUsed() float64 {
	s := []metrics.Sample{
		{Name: "/memory/classes/total:bytes"},
		{Name: "/memory/classes/heap/released:bytes"},
		{Name: "/gc/gomemlimit:bytes"},
	}
	metrics.Read(s)
	for _, v := range s {
		if v.Value.Kind() != metrics.KindUint64 {
			return 0
		}
	}
	limit := s[2].Value.Uint64()
	if limit == 0 || limit >= math.MaxInt64 {
		return 0
	}
	return float64(s[0].Value.Uint64()-s[1].Value.Uint64()) / float64(limit)
}
