//go:build synctests

package consumer_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/sink"
)

// A sink that names a message it was not given cannot be believed: what really
// failed may be any of them.
func TestABatchErrorThatNamesNoMessageOfTheBatchAcknowledgesNothing(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 100, 10)
		var down atomic.Bool
		down.Store(true)
		l.ledger.before = func(_ context.Context, batch []sink.Message) error {
			if !down.Load() {
				return nil
			}
			var be sink.BatchError
			be.Add(len(batch), errSink)
			return be.Err()
		}
		m := l.run(l.config(), l.to(nil))
		time.Sleep(10 * time.Second)
		if got := l.committed(0); got > 0 {
			t.Errorf("committed %d, and the sink has nothing", got)
		}
		down.Store(false)
		m.ended("delivered", 1, 100)
		l.settled(1, 100)
	})
}

// What a sink has taken is not written again because a message of another key,
// which happens to have the same lane, was refused before it.
func TestWhatIsDeliveredBehindAFailedMessageOfAnotherKeyIsNotRepeated(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		const keys = 5000 // more than lanes: every lane has several keys
		l.produce(1, 2*keys, keys)
		var refused atomic.Int64
		p := l.to(nil)
		p.Sink.Sink = sink.Func(func(ctx context.Context, batch []sink.Message) error {
			if refused.Load() >= 20 {
				return l.ledger.Write(ctx, batch)
			}
			var be sink.BatchError
			behind := map[string]bool{}
			for i, m := range batch {
				switch {
				case behind[string(m.Key)]:
					be.Add(i, sink.ErrBehindFailed)
				case i%7 == 3:
					be.Add(i, flow.Overloaded(errors.New("no room for this one"), 0))
					behind[string(m.Key)] = true
				default:
					l.ledger.take(m)
				}
			}
			refused.Add(1)
			return be.Err()
		})
		l.run(l.config(), p).ended("delivered", 1, 2*keys)
		l.settled(1, 2*keys)
	})
}
