package consumer

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weir-kafka/weir/sink"
)

// ratioWindow is over how many records at least the share that is rejected is taken.
// A burst of poison is shorter, and not many more are given away before that.
const ratioWindow = 1000

// ratioParts is of how many parts the window is made: it moves on by one of them.
const ratioParts = 10

// buryAgain is how long a record that the handler has rejected waits at least until it
// is asked again whether it may go to the dead letters, and with it the handler.
const buryAgain = time.Second

// rejectedShare is the outcomes of the last records, a pure step function. Beside the
// parts of the window there is the one that is being filled.
type rejectedShare struct {
	parts [ratioParts + 1]outcomes
	at    int
}

type outcomes struct{ rejected, good int64 }

// add counts outcomes.
func (s *rejectedShare) add(o outcomes) {
	p := &s.parts[s.at]
	p.rejected, p.good = p.rejected+o.rejected, p.good+o.good
	if p.rejected+p.good >= ratioWindow/ratioParts {
		s.at = (s.at + 1) % len(s.parts)
		s.parts[s.at] = outcomes{}
	}
}

// over returns how many of how many were rejected, and whether that is more than the
// limit, a share. Before the window is full it never is.
func (s *rejectedShare) over(limit float64) (rejected, of int64, over bool) {
	for _, p := range s.parts {
		rejected, of = rejected+p.rejected, of+p.rejected+p.good
	}
	return rejected, of, of >= ratioWindow && float64(rejected) > limit*float64(of)
}

// rejections is what one step rejects: the handler or a sink. Each is counted for
// itself, because one has many outcomes before the next has any.
type rejections struct {
	good *atomic.Int64 // what the step did not reject, in all

	once sync.Once // the consumer is told to end

	mu    sync.Mutex
	share rejectedShare
	seen  int64     // of good
	since time.Time // when too many were rejected, zero while they are not
}

// tooMany is why a rejected record waits.
type tooMany struct {
	rejected, of int64
	first        bool // it is the first
	lasts        time.Duration
}

// mayGo counts a rejected record and returns true if it may go to the dead letters.
// One that may not is not counted.
//
// Too many in a row may be chance: the queues of a few keys are handled one after the
// other, however long, and poison is often a matter of the key. So rejected records
// wait then, and only their keys with them: what comes beside them shows whether all
// is rejected.
func (r *rejections) mayGo(limit float64, now time.Time) (tooMany, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	good := r.good.Load()
	r.share.add(outcomes{good: good - r.seen})
	r.seen = good
	rejected, of, over := r.share.over(limit)
	if !over {
		r.since = time.Time{}
		r.share.add(outcomes{rejected: 1})
		return tooMany{}, true
	}
	first := r.since.IsZero()
	if first {
		r.since = now
	}
	return tooMany{rejected, of, first, now.Sub(r.since)}, false
}

// DeadLetterRatioError ends a consumer of which nearly all records are rejected: then
// something else is wrong, and the dead letters are no place for a whole topic. The
// records that were rejected since are not done, and come again.
type DeadLetterRatioError struct {
	Rejected, Of int64   // records, of a sink messages, of the window that ended with the last one
	Limit        float64 // Config.DeadLetterRatio
	Step         string  // that rejected the last one
	Err          error   // and why
}

// Error names the share, the window, the last reason and the way out.
func (e *DeadLetterRatioError) Error() string {
	return fmt.Sprintf("the %s rejected %d of its last %d records, more than failure.dead_letter_ratio %v allows: it is hardly the records that are wrong; "+
		"the last one: %v; mend that and start again, or set the ratio to 1, which never stops", e.Step, e.Rejected, e.Of, e.Limit, e.Err)
}

// Unwrap returns the last reason.
func (e *DeadLetterRatioError) Unwrap() error { return e.Err }

// buries reports whether the record at, which a step has rejected, may go to the dead
// letters. When it may not the caller keeps the record's lane, because what stands
// behind must not overtake it, and tries it again: either there are no dead letters,
// and the consumer ends, or too many have gone there, and it ends if that lasts.
func (c *Consumer) buries(r *rejections, at sink.Position, step string, err error) bool {
	if c.dead == nil {
		c.fail(&RejectedError{at.Topic, at.Partition, at.Offset, step, err})
		return false
	}
	limit := c.cfg.DeadLetterRatio
	many, ok := r.mayGo(limit, c.now())
	switch {
	case ok:
		return true
	case many.first:
		c.log.Warn("nearly all records are rejected; they wait before the dead letters", "step", step, "rejected", many.rejected, "of", many.of, "err", err)
	case many.lasts >= patience:
		r.once.Do(func() { c.fail(&DeadLetterRatioError{many.rejected, many.of, limit, step, err}) })
	}
	return false
}
