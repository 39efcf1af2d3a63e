package consumer

import (
	"math/rand/v2"
	"time"

	"github.com/weir-kafka/weir/flow"
)

// fixed is a fixed limit that gives way to an outage, and to nothing else: when
// every call of a slot failed, none starts for a while, then a single one does,
// again and again, and once one succeeds the limit doubles up to what it was.
type fixed struct {
	most, limit int
	holds       bool
}

const (
	fixedSlot = 250 * time.Millisecond
	// fixedFails is how many failures are no accident; fewer when the limit is lower.
	fixedFails = 5
	// fixedHold is what Knee waits too.
	fixedHold = time.Second
)

func newFixed(n int) *fixed { return &fixed{most: n, limit: n} }

// Next implements [flow.Algorithm].
func (f *fixed) Next(now time.Time, w flow.Window) flow.Plan {
	failed := w.Calls[flow.Retry] + w.Calls[flow.Overload]
	p := flow.Plan{End: now.Add(fixedSlot), Reason: "fixed"}
	if w.Completed() == 0 && w.InFlight > 0 { // what fails after that is not replaced until it is known to be all
		p.EndAfter = min(f.limit, fixedFails)
	}
	switch {
	case w.Served() > 0 || w.Work > 0:
		f.limit = min(2*f.limit, f.most)
	case f.holds: // what failed meanwhile had begun before
	case failed >= min(f.limit, fixedFails) && failed > 0:
		f.holds, f.limit = true, 1
		p.HoldUntil = now.Add(fixedHold + time.Duration(rand.Int64N(int64(fixedHold/2))))
		p.End, p.Limit, p.Reason = p.HoldUntil, 1, "all calls fail"
		return p
	}
	f.holds = false
	if p.Limit = f.limit; p.Limit < f.most {
		p.Reason, p.Keep = "answers are awaited", fixedSlot // a call that fails is the only one
	}
	return p
}
