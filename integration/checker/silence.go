package checker

import (
	"time"

	"github.com/weir-kafka/weir/integration/ledger"
)

// heard is when an instance got an answer of its group, and when it had asked for
// the latest that was answered by then.
type heard struct{ at, asked time.Duration }

// hears notes an answer, or the start: then there is nothing to have heard yet.
func (i *instance) hears(at, asked time.Duration) {
	if n := len(i.heard); n > 0 {
		asked = max(asked, i.heard[n-1].asked)
	}
	i.heard = append(i.heard, heard{at, asked})
}

// known is when an instance had asked for the latest of what was answered by at.
func (i *instance) known(at time.Duration) (asked time.Duration, ok bool) {
	for n := len(i.heard); n > 0; n-- {
		if h := i.heard[n-1]; h.at <= at {
			return h.asked, true
		}
	}
	return 0, false
}

// silence judges whether a write began when the group may have given its instance
// up: it counts from when it was asked, for the coordinator counts from later.
func (c *check) silence(r *record, e *ledger.Event) {
	asked, ok := c.process(e.Instance).known(e.Began)
	if c.h.Silence > 0 && ok && e.Began-asked >= c.h.Silence {
		c.blame(Handover, e.Partition, "%s by %s, begun at %s, though nothing that was asked after %s had been answered",
			name(r.Record), of(e), e.Began, asked)
	}
}

// process is what is known of an instance.
func (c *check) process(n int) *instance {
	i := c.instances[n]
	if i == nil {
		i = &instance{}
		c.instances[n] = i
	}
	return i
}
