//go:build synctests

package consumer_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// What becomes done after a loss is committed by nobody who was told of the loss: a
// partition that is lost has another owner, whose commits that would rewind.
func TestAMemberThatWasToldOfALossCommitsNothingMore(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 50, 50)
		release := make(chan struct{})
		cfg := l.config()
		cfg.Kafka.CommitInterval = 500 * time.Millisecond
		m := l.run(cfg, l.to(deafFrom(10, release)))
		l.until(time.Minute, "the first ten committed", func() bool { return l.committed(0) == 10 })
		out := l.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.JoinGroup}, TopLevel: true, Err: kerr.CoordinatorLoadInProgress, Count: -1})
		l.expel()
		time.Sleep(100 * time.Millisecond)
		n := len(l.seenCommits())
		close(release)
		time.Sleep(10 * time.Second)
		if out.Hits() == 0 {
			t.Error("it has not tried to join again")
		}
		for _, c := range l.seenCommits()[n:] {
			t.Errorf("%s committed %d after it was told of the loss, want nothing", c.member, c.offset)
		}
		out.Remove()
		l.until(time.Minute, "committed by who has it next", func() bool { return l.committed(0) == 50 })
		m.mustEnd()
	})
}
