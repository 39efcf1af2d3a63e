package consumer

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"github.com/weir-kafka/weir/consumer/internal/lane"
	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/internal/crash"
	"github.com/weir-kafka/weir/sink"
)

// call is one Write: one span or several.
type call struct {
	stage    *writeStage
	spans    []span
	messages int
	bytes    int
	wins     uint64 // the sink's successes when the call was made
	cancel   context.CancelFunc
	debt     *debt // of its retry
}

// add takes as much of sp as the limits leave room for, and returns what must
// go back to the queue, if anything, and whether more may be added.
func (c *call) add(sp span) (back *span, more bool) {
	at := c.room(&sp)
	if at == sp.from {
		return &sp, false
	}
	c.messages += at - sp.from
	if at == sp.to {
		c.spans = append(c.spans, sp)
		lim := c.stage.limits.Messages
		return nil, !sp.alone && (lim == 0 || c.messages < lim)
	}
	parts := sp.cut(at)
	c.spans = append(c.spans, parts[0])
	if len(parts) == 2 {
		back = &parts[1]
	}
	return back, false
}

// room returns how far into sp the call may reach. One message always fits into
// an empty call.
func (c *call) room(sp *span) int {
	lim, at := c.stage.limits, sp.to
	if lim.Messages > 0 {
		at = min(at, sp.from+lim.Messages-c.messages)
	}
	if lim.Bytes == 0 {
		return at
	}
	for k := sp.from; k < at; k++ {
		n := sp.out.msgs[k].Size()
		if c.bytes+n > lim.Bytes && (c.messages > 0 || k > sp.from) {
			return k
		}
		c.bytes += n
	}
	return at
}

// run writes and gives every message its outcome.
func (c *call) run(ctx context.Context) {
	s := c.stage
	defer s.calls.Done()
	defer s.flying.Add(-int64(c.messages))
	msgs := c.join()
	start := s.c.now()
	given := s.deadline(c, start)
	ctx, c.cancel = context.WithCancel(ctx)
	defer c.cancel()
	s.underWay.begin(c, start.Add(given+grace))
	err := flow.Deadline(ctx, given, func(ctx context.Context) error { return c.write(ctx, msgs) })
	took := s.c.now().Sub(start)
	verdict, acked := judge(ctx, err, len(msgs))
	s.failing.Store(acked == 0)
	crashAnswered(s, verdict, acked)
	if acked > 0 {
		s.wins.Add(1)
		s.written.Add(int64(acked))
	}
	s.deadlines.learn(start.Add(took), took, verdict, len(msgs))
	c.debt = s.answered(err, verdict, acked)
	o := flow.OutcomeOf(err)
	o.Kind, o.Work = verdict, acked
	s.tell(start.Add(took), took, o)
	if s.underWay.end(c) {
		s.limiter.Done(o)
	}
	s.c.metrics.wrote(s.name, verdict, len(msgs), took)
	c.settle(ctx, err)
	if acked > 0 {
		crash.At(crash.Marked)
	}
}

// isLost reports whether nothing of the call is ours any more.
func (c *call) isLost() bool {
	for i := range c.spans {
		if c.spans[i].part().mayWrite(c.spans[i].out.batch.gen) {
			return false
		}
	}
	return true
}

// join returns the messages of all spans; of one span without a copy.
func (c *call) join() []sink.Message {
	if sp := &c.spans[0]; len(c.spans) == 1 {
		return sp.out.msgs[sp.from:sp.to:sp.to]
	}
	msgs := make([]sink.Message, 0, c.messages)
	for i := range c.spans {
		sp := &c.spans[i]
		msgs = append(msgs, sp.out.msgs[sp.from:sp.to]...)
	}
	return msgs
}

// write calls the sink. A panic is the work's fault until a smaller call shows
// whose.
func (c *call) write(ctx context.Context, msgs []sink.Message) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = flow.Permanent(&PanicError{Value: r, Stack: debug.Stack()})
		}
	}()
	return c.stage.sink.Write(crashWrite(ctx, c.stage), msgs)
}

// judge is what the limiter learns from a call. Of a batch error the worst
// counts, but a rejected message says nothing about the sink's room.
func judge(ctx context.Context, err error, messages int) (worst flow.Verdict, acked int) {
	be, ok := partial(err, messages)
	if !ok {
		v := flow.Classify(err)
		switch {
		case v == flow.Done:
			return v, messages
		case v == flow.Ignore && ctx.Err() == nil:
			v = flow.Retry // nobody cancelled: the sink did by itself
		}
		return v, 0
	}
	for _, f := range be.Failed() {
		switch v := flow.Classify(f.Err); v {
		case flow.Overload:
			worst = flow.Overload
		case flow.Retry, flow.Ignore:
			if worst == flow.Done {
				worst = flow.Retry
			}
		case flow.Reject, flow.Done:
		}
	}
	return worst, max(messages-len(be.Failed()), 0)
}

// partial finds a batch error in err. One that names a message that the call did
// not have is not believed about the others either.
func partial(err error, messages int) (*sink.BatchError, bool) {
	if err == nil {
		return nil, false
	}
	be, ok := sink.AsBatchError(err)
	if !ok {
		return nil, false
	}
	for _, f := range be.Failed() {
		if f.Index < 0 || f.Index >= messages {
			return nil, false
		}
	}
	return be, true
}

// settle acknowledges what was delivered and decides about the rest.
func (c *call) settle(ctx context.Context, err error) {
	if err != nil {
		for i := range c.spans {
			c.spans[i].part().failed(c.spans[i].out.batch)
		}
	}
	if be, ok := partial(err, c.messages); ok {
		c.settlePartial(ctx, be)
		return
	}
	for i := range c.spans {
		sp := c.spans[i]
		if err == nil {
			c.stage.acked(sp, sp.to)
			continue
		}
		c.stage.failed(ctx, c, sp, err, c.messages == 1)
	}
}

// settlePartial goes through the lane groups.
func (c *call) settlePartial(ctx context.Context, be *sink.BatchError) {
	failed := make(map[int]error, len(be.Failed()))
	for _, f := range be.Failed() {
		failed[f.Index] = f.Err
	}
	at := 0 // index in the call of the group's first message
	for _, sp := range c.spans {
		for more := true; more; {
			group, end := sp, sp.groupEnd()
			if more = end < sp.to; more {
				parts := sp.cut(end)
				group, sp = parts[0], parts[1]
			}
			c.settleGroup(ctx, group, func(k int) error { return failed[at+k-group.from] })
			at += group.size()
		}
	}
}

// settleGroup acknowledges what was delivered of one lane and blames the first
// message that was not; what else was not is written after it. A message behind
// a failed one can only have been delivered if it has another key, of which
// order: partition knows nothing: there it is written again, in its turn.
func (c *call) settleGroup(ctx context.Context, group span, bad func(k int) error) {
	s, p := c.stage, group.part()
	var failed []span // runs of messages
	for from, to := group.from, 0; from < group.to; from = to {
		fails := func(k int) bool { return bad(k) != nil || len(failed) > 0 && s.c.laneMode == lane.Serial }
		for to = from + 1; to < group.to && fails(to) == fails(from); to++ {
		}
		switch {
		case !fails(from):
			s.c.settle(p, p.ack(group.out, from, to))
		case from == group.from:
			run := group
			run.to, run.then = to, nil
			failed = append(failed, run)
		default:
			failed = append(failed, span{out: group.out, from: from, to: to, g: group.g})
		}
	}
	if len(failed) == 0 {
		if group.then != nil {
			s.requeue(*group.then)
		}
		return
	}
	last := len(failed) - 1
	failed[last].then = group.then
	for i := range last {
		failed[i].then = &failed[i+1]
	}
	s.failed(ctx, c, failed[0], bad(failed[0].from), true)
}

// acked marks a span as delivered and lets go what waited for it.
func (s *writeStage) acked(sp span, to int) {
	p := sp.part()
	s.c.settle(p, p.ack(sp.out, sp.from, to))
	if sp.from > 0 {
		crash.At(crash.MidBatch)
	}
	if sp.then != nil {
		s.requeue(*sp.then)
	}
}

// PanicError is a panic of a handler or sink, recovered: its record is rejected.
type PanicError struct {
	Value any
	Stack []byte
}

// Error shows the value that was panicked with, not the stack.
func (e *PanicError) Error() string { return fmt.Sprintf("panic: %v", e.Value) }

func stackOf(err error) []byte {
	var pe *PanicError
	if errors.As(err, &pe) {
		return pe.Stack
	}
	return nil
}
