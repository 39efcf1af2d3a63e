package flow

import (
	"sync"
	"time"
)

// CPULoad tells whether this process has too little processor: goroutines that
// are ready wait long for a thread, and the control group has used up most of
// its quota. It takes both, because a full processor alone is how a consumer
// that catches up should look; without a quota the wait alone counts. It is
// busy after 3 samples above both bounds in a row, and no longer after 8 in
// which one was below 0.7 / 0.85 of its bound: that is 0.75 s and 2 s.
//
// It reads when it is asked and has no goroutine. The zero value is ready; the
// fields are set before the first use. It is safe for concurrent use.
type CPULoad struct {
	Wait  time.Duration // 99th percentile of the wait for a thread; zero means 10 ms
	Usage float64       // share of the quota; zero means 0.85
	Every time.Duration // between samples; zero means 250 ms
	// ReadFunc returns wait and usage since it was called last; a negative
	// usage means that there is no quota. It is called at most once in Every,
	// from one goroutine at a time. Nil reads this process: the runtime's
	// metrics, and cpu.stat and cpu.max of its control group (version 2).
	ReadFunc func(now time.Time) (wait time.Duration, usage float64)

	mu   sync.Mutex
	next time.Time
	self *cpuReader
	busy bool
	run  int // samples in a row that speak for the other state
}

const (
	cpuEnter = 3
	cpuLeave = 8
	cpuLower = 0.7 / 0.85
)

// Busy reports whether there is too little processor at now. It must be asked
// at least every second or so, as by each request of a server.
func (c *CPULoad) Busy(now time.Time) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !now.Before(c.next) {
		c.next = now.Add(orDefault(c.Every, 250*time.Millisecond))
		c.step(c.read(now))
	}
	return c.busy
}

func (c *CPULoad) read(now time.Time) (time.Duration, float64) {
	if c.ReadFunc != nil {
		return c.ReadFunc(now)
	}
	if c.self == nil {
		c.self = newCPUReader()
	}
	return c.self.read(now)
}

// step takes one sample.
func (c *CPULoad) step(wait time.Duration, usage float64) {
	bound, most, after := 1.0, false, cpuEnter
	if c.busy {
		bound, after = cpuLower, cpuLeave
	}
	most = float64(wait) > bound*float64(orDefault(c.Wait, 10*time.Millisecond)) &&
		(usage < 0 || usage > bound*orDefault(c.Usage, 0.85))
	if most == c.busy {
		c.run = 0
		return
	}
	c.run++
	if c.run >= after {
		c.busy, c.run = most, 0
	}
}
