package bench

import (
	"runtime"
	"syscall"
	"time"
)

// moment is what the process had done at one time.
type moment struct {
	at            time.Time
	cpu           time.Duration
	allocs, bytes uint64
}

// look reads the clocks of the process. It stops the world for some microseconds.
func look() moment {
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	var use syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &use) // fails for a wrong argument alone
	return moment{time.Now(), time.Duration(use.Utime.Nano() + use.Stime.Nano()), mem.Mallocs, mem.TotalAlloc}
}

// sample is the measured part of one segment.
type sample struct {
	records       int64
	took, cpu     time.Duration
	allocs, bytes float64
	// Of a pipeline: time in a call of its handler, and in all of its sinks.
	handler, sink time.Duration
	rejected      int64
	reject        string // the first of all
}

func between(a, b moment, records int64) sample {
	return sample{
		records: max(records, 1), took: max(b.at.Sub(a.at), 1), cpu: b.cpu - a.cpu,
		allocs: float64(b.allocs - a.allocs), bytes: float64(b.bytes - a.bytes),
	}
}

// add makes s the sum of two samples.
func (s *sample) add(o sample) {
	s.records, s.took, s.cpu = s.records+o.records, s.took+o.took, s.cpu+o.cpu
	s.allocs, s.bytes = s.allocs+o.allocs, s.bytes+o.bytes
}

func (s *sample) perSecond() float64   { return float64(s.records) / s.took.Seconds() }
func (s *sample) cpuEach() float64     { return float64(s.cpu) / float64(s.records) }
func (s *sample) allocsEach() float64  { return s.allocs / float64(s.records) }
func (s *sample) bytesEach() float64   { return s.bytes / float64(s.records) }
func (s *sample) handlerEach() float64 { return float64(s.handler) }
func (s *sample) sinkEach() float64    { return float64(s.sink) / float64(s.records) }
