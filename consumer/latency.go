package consumer

import (
	"slices"
	"sync"
	"time"
)

// latency keeps the times of the last writes of a sink.
type latency struct {
	mu   sync.Mutex
	ring [512]time.Duration
	n    int // ever
}

func (l *latency) add(took time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ring[l.n%len(l.ring)] = took
	l.n++
}

// quantiles returns the median and the 99th percentile, zero before the first.
func (l *latency) quantiles() (p50, p99 time.Duration) {
	l.mu.Lock()
	times := slices.Clone(l.ring[:min(l.n, len(l.ring))])
	l.mu.Unlock()
	if len(times) == 0 {
		return 0, 0
	}
	slices.Sort(times)
	at := func(share int) time.Duration { return times[(len(times)-1)*share/100] }
	return at(50), at(99)
}

// report is the stage with what was decided of it last.
func (s *writeStage) report(sinks []sinkView) SinkReport {
	st := s.limiter.Snapshot()
	deaf, lost := s.underWay.count()
	r := SinkReport{
		Name: s.name, Limit: st.Limit, InFlight: st.InFlight + lost, Queued: s.queued(), Reason: st.Reason,
		HoldUntil: st.HoldUntil, Deadline: s.deadlines.usual.Current(s.c.now()), Deaf: deaf,
		Elasticity: st.Elasticity, Base: st.Base, Shadow: st.Shadow, QueuedMessages: s.load.waiting(), RetryBudget: s.pace.budget.Tokens(),
	}
	r.P50, r.P99 = s.deadlines.times.quantiles()
	if s.index < len(sinks) {
		v := &sinks[s.index]
		r.Wait, r.Low, r.High = v.wait, v.low, v.high
	}
	return r
}
