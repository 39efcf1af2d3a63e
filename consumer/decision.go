package consumer

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weir-kafka/weir/flow"
)

// decisions counts what an algorithm decides: there are many slots between two
// scrapes, and the reason that is in force at one says little of them.
type decisions struct {
	flow.Algorithm
	sink  string
	count *prometheus.CounterVec
}

// Next implements [flow.Algorithm].
func (d decisions) Next(now time.Time, w flow.Window) flow.Plan {
	p := d.Algorithm.Next(now, w)
	d.count.WithLabelValues(d.sink, p.Reason).Inc()
	return p
}

// sayLimit logs what the limit is and why, when the reason is not what it was at the
// last look. Only the reconciler calls it.
func (s *writeStage) sayLimit() {
	st := s.limiter.Snapshot()
	if st.Reason == s.said.Reason {
		return
	}
	s.c.log.Debug("limit", "sink", s.name, "limit", st.Limit, "was", s.said.Limit, "reason", st.Reason,
		"in_flight", st.InFlight, "elasticity", st.Elasticity, "base", st.Base)
	s.said = st
}
