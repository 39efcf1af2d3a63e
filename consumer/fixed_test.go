//go:build synctests

package consumer_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weir-kafka/weir/sink"
)

// failing is a sink that can be out of order.
type failing struct {
	*slowSink
	out   atomic.Bool
	calls atomic.Int64 // while it was
}

func (f *failing) Write(ctx context.Context, batch []sink.Message) error {
	if f.out.Load() {
		f.calls.Add(1)
		return errors.New("connection refused")
	}
	return f.slowSink.Write(ctx, batch)
}

func TestAFixedLimitProbesASinkThatIsOutAndComesBack(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		p := l.to(nil)
		s := &failing{slowSink: newSlowSink(l.ledger, 16, 20*time.Millisecond)}
		p.Sink.Sink = s
		p.Sink.Limit.Fixed = 16
		l.produce(1, 20_000, 20_000)
		m := l.run(l.config(), p)
		time.Sleep(3 * time.Second)
		s.out.Store(true)
		time.Sleep(2 * time.Second)
		begun := s.calls.Load()
		for range 20 {
			time.Sleep(time.Second)
			if r := m.Explain().Sinks[0]; r.Limit != 1 || r.InFlight > 1 {
				t.Errorf("limit %d with %d in flight, want one call at a time", r.Limit, r.InFlight)
			}
		}
		if got := s.calls.Load() - begun; got < 5 || got > 20 {
			t.Errorf("%d calls in 20 s, want one in a second at most, and some", got)
		}
		s.out.Store(false)
		time.Sleep(4 * time.Second)
		before := l.ledger.distinct()
		time.Sleep(4 * time.Second)
		if got := l.ledger.distinct() - before; got < 4*800*9/10 {
			t.Errorf("%d written in 4 s, want nearly the 3,200 that the sink can", got)
		}
		m.mustEnd()
	})
}
