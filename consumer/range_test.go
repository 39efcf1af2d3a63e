//go:build synctests

package consumer_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// A broker says of an offset that it is out of range, and it is not: the client goes back
// to the start of the log. What was committed comes again, in one fetch with what was not.
func TestAnOffsetThatIsFalselyOutOfRangeRepeatsAndLosesNothing(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 40, 10)
		m := l.run(l.config(), l.to(nil))
		l.until(time.Minute, "the first delivered", func() bool { return l.ledger.distinct() == 40 })
		m.mustEnd()
		l.produce(1, 60, 10)
		lie := func(times int) {
			h := l.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.OffsetOutOfRange, Count: times})
			defer h.Remove()
			l.until(time.Minute, "the lie told", func() bool { return h.Hits() >= times })
		}
		m = l.run(l.config(), l.to(nil))
		lie(3)
		l.until(time.Minute, "the rest delivered", func() bool { return l.ledger.distinct() == 100 })
		lie(3)
		l.produce(1, 100, 10)
		l.until(time.Minute, "what is new delivered", func() bool { return l.ledger.distinct() == 200 })
		m.mustEnd()
		l.settled(1, 200)
	})
}
