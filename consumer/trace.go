package consumer

import (
	"time"

	"github.com/weir-kafka/weir/flow"
)

// Write is one call of a sink, as it ended.
type Write struct {
	Sink       string // default, dead_letter, or the name of a route
	End        time.Time
	Took       time.Duration
	Verdict    flow.Verdict
	Work       int           // messages that were acknowledged
	InFlight   int           // calls in flight just before it ended, itself included
	RetryAfter time.Duration // what the sink asked for
	Quota      bool          // because a quota was used up
}

// WithWrites tells f of each call of a sink, so that what a real sink did can be
// recorded. It is called from many goroutines at once, and holds up the call's
// messages until it returns.
func WithWrites(f func(Write)) Option { return func(c *Consumer) { c.writes = f } }

// tell tells who wants to know how a call ended.
func (s *writeStage) tell(end time.Time, took time.Duration, o flow.Outcome) {
	if f := s.c.writes; f != nil {
		f(Write{Sink: s.name, End: end, Took: took, Verdict: o.Kind, Work: o.Work, InFlight: s.limiter.InFlight(), RetryAfter: o.RetryAfter, Quota: o.Quota})
	}
}
