//go:build synctests

package consumer_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// A group under load asks its coordinator for one commit a second, and an idle one for
// none.
func TestCommitRequestsAreFew(t *testing.T) {
	const partitions, rate, seconds = 4, 5000, 60
	inLab(t, partitions, func(l *lab) {
		var commits atomic.Int64
		l.cluster.ControlKey(int16(kmsg.OffsetCommit), func(kmsg.Request) (kmsg.Response, error, bool) {
			l.cluster.KeepControl()
			commits.Add(1)
			return nil, nil, false
		})
		l.produce(partitions, 1, 1)
		m := l.run(l.config(), l.to(nil))
		l.until(time.Minute, "delivered", func() bool { return l.ledger.distinct() == partitions })
		time.Sleep(5 * time.Second)
		before := commits.Load()
		for range 10 * seconds {
			l.produce(partitions, rate/10/partitions, 100)
			time.Sleep(100 * time.Millisecond)
		}
		if got := commits.Load() - before; got > seconds+1 || got < seconds/2 {
			t.Errorf("%d commit requests in %d seconds under load, want one a second", got, seconds)
		}
		time.Sleep(5 * time.Second)
		before = commits.Load()
		time.Sleep(10 * time.Minute)
		if got := commits.Load() - before; got != 0 {
			t.Errorf("%d commit requests in ten minutes without a record, want 0", got)
		}
		m.mustEnd()
	})
}
