package ledger

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/weir-kafka/weir/sink"
)

// Sink is a store that keeps nothing but the fact that it was written to. It
// belongs to one instance.
type Sink struct {
	Log      *Log
	Instance int
	Outcome  Outcome
	// Sessions tells under which session a write begins.
	Sessions *Sessions

	dead atomic.Bool
}

// Kill makes the sink one of a process that is not there any more: nothing takes
// effect, and nothing is answered.
func (s *Sink) Kill() { s.dead.Store(true) }

// Write has its effects at once.
func (s *Sink) Write(ctx context.Context, batch []sink.Message) error {
	return s.Begin(batch).End(ctx, nil, nil)
}

// A Call is a write that has begun.
type Call struct {
	sink     *Sink
	began    time.Duration
	batch    []sink.Message
	sessions []int
}

// Begin notes under which sessions the batch is written. The batch is used until
// the last End.
func (s *Sink) Begin(batch []sink.Message) Call {
	c := Call{sink: s, began: s.Log.Now(), batch: batch, sessions: make([]int, len(batch))}
	for i := range batch {
		p := batch[i].Source
		c.sessions[i] = s.Sessions.Of(s.Instance, Partition{p.Topic, p.Partition})
	}
	return c
}

// End has the effects of the messages that take says, nil for all, and returns
// answer. With an answer that is a [*sink.BatchError] what was taken is known to
// be there, with any other error it is not. Of a killed instance there is no
// effect; then End waits for ctx and returns its error.
func (c Call) End(ctx context.Context, take func(i int) bool, answer error) error {
	_, partial := sink.AsBatchError(answer)
	events := make([]Event, 0, len(c.batch))
	for i := range c.batch {
		if take != nil && !take(i) {
			continue
		}
		m := &c.batch[i]
		events = append(events, Event{
			Kind: Effect, Instance: c.sink.Instance, Session: c.sessions[i], Partition: Partition{m.Source.Topic, m.Source.Partition},
			Offset: m.Source.Offset, Key: string(m.Key), Hash: Hash(m.Key, m.Value), Outcome: c.sink.Outcome,
			Unknown: answer != nil && !partial, Began: c.began,
		})
	}
	l := c.sink.Log
	l.mu.Lock()
	dead := c.sink.dead.Load() // under the lock: a kill is an event too
	if !dead {
		l.add(events)
	}
	l.mu.Unlock()
	if dead {
		<-ctx.Done()
		return ctx.Err()
	}
	return answer
}
