package consumer

import (
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// perSecond is the rate in units, records or bytes.
func (t *tenants) perSecond() float64 { return t.cfg.Rate.perSecond() }

// unit is how long one unit lasts, burst how long those that may come at once do.
func (t *tenants) unit() time.Duration  { return time.Duration(float64(time.Second) / t.perSecond()) }
func (t *tenants) burst() time.Duration { return max(burstTime, t.unit()) }

// affords returns how many units s may take now, and when one at least: a little
// later than one has come, so that no rounding takes it away again. (The generic
// cell rate algorithm, ITU-T I.371.)
func (t *tenants) affords(s *tenant) (units int, at time.Time) {
	rest := t.burst() - max(s.spent.Sub(t.now()), 0)
	return int(rest.Seconds() * t.perSecond()), s.spent.Add(t.unit() - t.burst() + time.Microsecond)
}

func (t *tenants) spend(s *tenant, units int) {
	from := s.spent
	if now := t.now(); from.Before(now) {
		from = now
	}
	s.spent = from.Add(time.Duration(float64(units) / t.perSecond() * float64(time.Second)))
}

// payload is what a record counts of a rate in bytes.
func payload(r *kgo.Record) int {
	n := len(r.Key) + len(r.Value)
	for i := range r.Headers {
		n += len(r.Headers[i].Key) + len(r.Headers[i].Value)
	}
	return n
}
