package consumer

import (
	"context"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/weir-kafka/weir/flow"
)

// pace is what a stage waits for before it asks the limiter: its rate and its
// retry budget.
type pace struct {
	rate   Rate
	bucket *flow.Rate // nil without a rate
	rated  moment     // no call before, by the rate
	budget flow.RetryBudget
	dry    atomic.Int64 // calls that delivered nothing, since the last that did
	empty  moment       // no call before, because the budget is empty and nothing is delivered
	spared moment       // no retry before that the budget has not paid for
	owing  atomic.Bool  // such retries wait
}

// What an empty budget waits is short: while nothing succeeds the limiter leaves the sink alone
// too, and messages at fault must have their tries before others get through.
const emptyFirst, emptyMost = 20 * time.Millisecond, 200 * time.Millisecond

// hopeless is how many calls fail for one that does not when nearly all fail. So many
// retries a success pays for: the limiter bounds the calls, a retry takes the place of
// a first attempt and adds no load, and what waits for one holds up its keys for good.
const hopeless = 10

// debt is a retry of a failed call that the budget did not pay for. The spans of the call share it.
type debt struct {
	cause error
	paid  bool
}

// moment is a time that several goroutines set and read.
type moment struct{ nanos atomic.Int64 }

func (m *moment) set(t time.Time) { m.nanos.Store(t.UnixNano()) }

func (m *moment) time() time.Time {
	if n := m.nanos.Load(); n != 0 {
		return time.Unix(0, n)
	}
	return time.Time{}
}

// after reports whether the moment is still to come.
func (m *moment) after(now time.Time) bool { return m.time().After(now) }

// setPace is called once, before the stage runs.
func (s *writeStage) setPace(r Rate) {
	s.pace.rate, s.pace.bucket = r, r.bucket()
	s.limits = r.spread(s.limits)
	s.pace.budget.Ratio = hopeless
}

// awaitPace waits until a call may start; false when ctx ended.
func (s *writeStage) awaitPace(ctx context.Context) bool {
	for {
		now := s.c.now()
		until := s.pace.rated.time()
		if empty := s.pace.empty.time(); empty.After(until) {
			until = empty
		}
		wait := until.Sub(now)
		if wait <= 0 {
			return ctx.Err() == nil
		}
		t := time.NewTimer(wait)
		select {
		case <-t.C:
		case <-ctx.Done():
			t.Stop()
			return false
		}
	}
}

// spend takes what a call costs out of the bucket; the next call waits until it
// is paid for.
func (s *writeStage) spend(c *call) {
	if s.pace.bucket != nil {
		now := s.c.now()
		if until := s.pace.bucket.Reserve(now, s.pace.rate.cost(c)); until.After(now) {
			s.pace.rated.set(until)
		}
	}
}

// answered tells the retry budget how a call ended. What failed will be tried
// again; what is beyond the budget is a debt, and its messages wait while others go
// on. Once nearly all calls fail the whole stage waits, longer each time, instead of
// asking a side that is in trouble ever more.
func (s *writeStage) answered(err error, v flow.Verdict, acked int) *debt {
	p := &s.pace
	dry := int64(0)
	if acked > 0 {
		p.budget.Succeeded()
		p.dry.Store(0)
		if p.owing.Load() {
			s.wake()
		}
	}
	if v != flow.Retry && v != flow.Overload {
		return nil
	}
	if acked == 0 {
		dry = p.dry.Add(1)
	}
	if p.budget.Allow(err) {
		return nil
	}
	if dry >= hopeless {
		after := (flow.Backoff{Base: emptyFirst, Max: emptyMost}).Delay(int(dry-hopeless+1), rand.Float64)
		p.empty.set(s.c.now().Add(after))
	}
	return &debt{cause: err}
}

// pays reports whether the retry of a call may go after all: successes have paid for
// it by now, or none has gone unpaid for a while, so that what has nothing beside it
// goes on.
func (p *pace) pays(d *debt, now time.Time) bool {
	switch {
	case d.paid || p.budget.Allow(d.cause):
	case p.spared.after(now):
		return false
	default:
		p.spared.set(now.Add(emptyFirst))
	}
	d.paid = true
	return true
}
