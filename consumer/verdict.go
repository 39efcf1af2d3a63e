package consumer

import (
	"context"
	"time"

	"github.com/weir-kafka/weir/flow"
)

const (
	// patience is how long a sink must have refused a message, with nothing else
	// to try, before the message is suspected without better evidence.
	patience = 30 * time.Second
	// patienceEach is how long that is for each message that is left: a hundred are
	// given up after an outage of more than three minutes, if nothing else came.
	patienceEach = 2 * time.Second
)

// failed decides what becomes of a span that was not written. named says that
// the error is about the span's first message and no other.
//
// A message is suspected only on evidence. While a sink takes nothing at all,
// nothing is learned about a message, so nothing is charged to it: an outage
// does not empty a topic into the dead letters. Once the sink took something
// else meanwhile, the span is halved until the message at fault stands alone,
// and its failures count.
func (s *writeStage) failed(ctx context.Context, c *call, sp span, err error, named bool) {
	v := flow.Classify(err)
	if v == flow.Ignore && ctx.Err() == nil {
		v = flow.Retry
	}
	if v == flow.Ignore || !sp.part().isLive(sp.out.batch.gen) {
		s.abandon(sp)
		return
	}
	if sp.tries == 0 {
		sp.since, sp.seen = s.c.now(), c.wins
		sp.unpin()
	}
	sp.tries++
	if sp.debt = c.debt; v == flow.Reject {
		sp.debt = nil
	}
	works := s.works(&sp) || s.nothingElse(c, s.c.now().Sub(sp.since))
	if v != flow.Reject || s.final {
		s.c.metrics.retried(s.name)
		s.c.totals.retried.Add(1)
	}
	switch {
	case v == flow.Reject && s.final:
		s.c.log.Error("dead letter refused, kept and tried again", "sink", s.name,
			"topic", sp.part().topic, "partition", sp.part().partition, "err", err)
		s.park(sp, s.delay(sp.tries))
	case v == flow.Reject && named:
		s.reject(sp, err)
	case v == flow.Reject:
		s.isolate(sp, 0)
	case v == flow.Retry && named && works && !s.final:
		sp.charged++
		if sp.charged >= s.c.cfg.Attempts {
			s.reject(sp, err)
			return
		}
		sp.alone = true
		s.park(sp, s.delay(sp.charged))
	case v == flow.Retry && works && !s.final:
		s.isolate(sp, s.delay(1))
	case v == flow.Overload && works && !sp.single() && s.c.now().Sub(sp.since) > patience:
		s.isolate(sp, s.delay(sp.tries)) // one message may be what the sink has no answer to in time
	default:
		s.park(sp, max(s.delay(sp.tries), flow.RetryAfter(err)))
	}
}

// works reports whether the sink has taken something since sp failed last. With
// nothing else to try there is no such evidence; then patience decides.
func (s *writeStage) works(sp *span) bool {
	wins := s.wins.Load()
	works := wins > sp.seen
	sp.seen = wins
	return works
}

// nothingElse reports whether the stage has nothing beside the one span of c but
// messages that have failed too, and for so long that it is evidence: the more
// there are, the more it looks like an outage.
func (s *writeStage) nothingElse(c *call, lasted time.Duration) bool {
	if lasted <= patience || len(c.spans) > 1 || len(s.in) > 0 {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	waiting, fresh := s.queue.look()
	left := s.flying.Load() - int64(c.messages) + int64(waiting+s.set)
	return !fresh && lasted > time.Duration(left)*patienceEach
}

// isolate writes a span without company, and in halves if it can be cut: so the
// message at fault is found in as many steps as the batch has doublings. Halves
// of one lane group go one after the other.
func (s *writeStage) isolate(sp span, after time.Duration) {
	if sp.single() {
		sp.alone = true
		s.park(sp, after)
		return
	}
	for _, half := range sp.cut(sp.middle()) {
		half.alone, half.tries, half.seen, half.since, half.debt = true, sp.tries, sp.seen, sp.since, sp.debt
		s.park(half, after)
	}
}

// reject gives the record of the span's first message to the dead letters and
// goes on with the rest. While it may not go there the span keeps its lanes.
func (s *writeStage) reject(sp span, err error) {
	if !sp.buried() && !s.c.buries(&s.rejections, sp.out.msgs[sp.from].Source, "sink "+s.name, err) {
		s.park(sp, s.delay(sp.tries))
		return
	}
	s.load.ended.Add(1)
	s.rejected.Add(1)
	head, rest := sp, sp
	head.to, rest.from = sp.from+1, sp.from+1
	switch {
	case rest.from < rest.to:
		head.then = nil
		fresh := span{out: sp.out, from: rest.from, to: rest.to, g: sp.g, then: sp.then}
		fresh.skipGroups()
		s.requeue(fresh)
	case sp.then != nil:
		s.requeue(*sp.then)
	}
	s.c.deadLetter(sp.out.batch, int(sp.out.recs[sp.from]), verdictOf{
		step: "sink " + s.name, err: err, attempts: max(sp.charged, 1),
	})
}

// abandon drops a span and what waits for it.
func (s *writeStage) abandon(sp span) {
	p := sp.part()
	for next := &sp; next != nil; next = next.then {
		s.c.settle(p, p.abandon(next.out, next.from, next.to))
	}
}
