//go:build synctests

package consumer_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/sink"
)

// slowSink takes one message a call, so many at the same time, each for so long;
// what comes beyond waits its turn.
type slowSink struct {
	*ledger
	slots chan struct{}
	took  time.Duration
}

func newSlowSink(l *ledger, slots int, took time.Duration) *slowSink {
	return &slowSink{ledger: l, slots: make(chan struct{}, slots), took: took}
}

func (s *slowSink) Limits() sink.Limits { return sink.Limits{Messages: 1} }

func (s *slowSink) Write(ctx context.Context, batch []sink.Message) error {
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-s.slots }()
	select {
	case <-time.After(s.took):
	case <-ctx.Done():
		return ctx.Err()
	}
	return s.ledger.Write(ctx, batch)
}

// rate returns how many effects a second there were in each second from begin on.
func (g *ledger) rates(begin time.Time, seconds int) []int {
	g.mu.Lock()
	defer g.mu.Unlock()
	rates := make([]int, seconds)
	for _, e := range g.effects {
		if k := int(e.at.Sub(begin) / time.Second); !e.at.Before(begin) && k < seconds {
			rates[k]++
		}
	}
	return rates
}

// An endless backlog in front of a sink that does 1,600 a second: the queue in
// the process stays short, and the sink never waits for it.
func TestTheQueueStaysShortAndTheSinkNeverRunsDry(t *testing.T) {
	inLab(t, 4, func(l *lab) {
		for range 8 {
			l.produce(4, 5000, 1000) // 160,000: 100 s
		}
		l.ledger.unordered = true
		begin := time.Now()
		p := consumer.Pipeline{Sink: consumer.Output{Sink: newSlowSink(l.ledger, 8, 5*time.Millisecond)}}
		p.Sink.Limit.Fixed = 8
		m := l.run(l.config(), p)
		var most int64
		for range 900 {
			time.Sleep(100 * time.Millisecond)
			if r := m.Explain(); time.Since(begin) > 5*time.Second {
				most = max(most, r.HeldRecords)
			}
		}
		for k, got := range l.ledger.rates(begin, 90) {
			if k >= 2 && got < 1590 {
				t.Errorf("second %d: %d records, want 1,600", k, got)
			}
		}
		if most > 60_000 {
			t.Errorf("%d records are held, want at most 60,000, which is what the sink does in 37 s", most)
		}
		if r := m.Explain(); r.Pauses > 4*9 {
			t.Errorf("%d pauses of 4 partitions in 90 s, want at most one of each in 10 s", r.Pauses)
		}
		m.mustEnd()
	})
}

// A sink that hovers at its limit and says so again and again makes no partition
// flap, and gets its work all the same.
func TestASinkThatHoversMakesNoPartitionFlap(t *testing.T) {
	inLab(t, 4, func(l *lab) {
		l.produce(4, 10_000, 1000)
		var calls int
		slow := newSlowSink(l.ledger, 8, 5*time.Millisecond)
		l.ledger.before = func(context.Context, []sink.Message) error {
			l.ledger.mu.Lock()
			defer l.ledger.mu.Unlock()
			if calls++; calls%1000 == 0 {
				return flow.Overloaded(errSink, time.Duration(calls%7000/1000)*time.Second)
			}
			return nil
		}
		p := consumer.Pipeline{Sink: consumer.Output{Sink: slow}}
		begin := time.Now()
		m := l.run(l.config(), p)
		l.until(20*time.Minute, "delivered", func() bool { return l.ledger.distinct() == 40_000 })
		if r, most := m.Explain(), 4*(int64(time.Since(begin)/(10*time.Second))+1); r.Pauses > most {
			t.Errorf("%d pauses in %s, want at most %d", r.Pauses, time.Since(begin), most)
		}
		m.mustEnd()
	})
}

// While a sink is down the memory does not fill at once, and afterwards the work
// goes on within seconds.
func TestAnOutageHoldsLittleAndEndsSoon(t *testing.T) {
	inLab(t, 4, func(l *lab) {
		l.produce(4, 20_000, 1000)
		down := true
		l.ledger.before = func(context.Context, []sink.Message) error {
			l.ledger.mu.Lock()
			defer l.ledger.mu.Unlock()
			if down {
				return flow.Overloaded(errSink, 0)
			}
			return nil
		}
		m := l.run(l.config(), l.to(nil))
		time.Sleep(20 * time.Second)
		var r consumer.Report
		held := 0
		for range 100 {
			if r = m.Explain(); r.State != consumer.StateOpen && len(r.Reasons) > 0 {
				held++
			}
			time.Sleep(10 * time.Millisecond)
		}
		// It opens for a search: for as long as the client needs to bring 16 records.
		if held < 80 {
			t.Errorf("held with a reason at %d of 100 looks, want at least 80", held)
		}
		// Of the 80,000 in the topic: 10,000 at once, as many again before the first and
		// the second look at a sink whose pace is not known, and what was fetched meanwhile.
		if r.HeldRecords > 45_000 {
			t.Errorf("%d records are held for a sink that takes none", r.HeldRecords)
		}
		time.Sleep(10 * time.Minute)
		if got := m.Explain().Pauses; got > 4*62 {
			t.Errorf("%d pauses in ten minutes, want at most one in 10 s of each partition", got)
		}
		l.ledger.mu.Lock()
		down = false
		l.ledger.mu.Unlock()
		l.until(30*time.Second, "delivered", func() bool { return l.ledger.distinct() == 80_000 })
		m.mustEnd()
	})
}

// A record that costs more than the room that is left does not open and close
// the gate again and again.
func TestARecordLargerThanTheRoomIsWaitedForOnce(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		for range 12 {
			l.write(&kgo.Record{Topic: topic, Value: make([]byte, 3<<20)})
		}
		l.ledger.before = func(context.Context, []sink.Message) error {
			time.Sleep(20 * time.Second)
			return nil
		}
		p := consumer.Pipeline{Sink: consumer.Output{Sink: l.ledger}}
		p.Sink.Timeout = time.Minute
		cfg := l.config()
		cfg.Memory = 16 << 20
		m := l.run(cfg, p)
		time.Sleep(15 * time.Second)
		changes, last := 0, m.Explain().State
		for range 300 {
			time.Sleep(10 * time.Millisecond)
			if now := m.Explain().State; now != last {
				changes, last = changes+1, now
			}
		}
		if changes > 1 {
			t.Errorf("the state changed %d times while nothing happened", changes)
		}
		m.mustEnd()
	})
}

// How often pressure is decided bounds nothing: a sink that takes all at once is
// given all there is between two looks.
func TestAQuickSinkGetsAllThereIsBetweenTwoLooks(t *testing.T) {
	inLab(t, 4, func(l *lab) {
		l.produce(4, 20_000, 1000)
		begin := time.Now()
		m := l.run(l.config(), l.to(nil))
		l.until(5*time.Second, "delivered", func() bool { return l.ledger.distinct() == 80_000 })
		if took := time.Since(begin); took > 200*time.Millisecond {
			t.Errorf("80,000 records took %s, want less than two looks", took)
		}
		m.mustEnd()
	})
}

// A sink that takes all at once beside one that is down: it is hardly ever seen with
// work, and is in use all the same.
func TestAQuickSinkIsServedWhileAnotherIsDown(t *testing.T) {
	inLab(t, 4, func(l *lab) {
		l.ledger.unordered = true
		p := l.to(handlers.Func(func(_ context.Context, rec *handlers.Record, emit handlers.Emit) error {
			m := rec.Message()
			if string(rec.Value) == "0" {
				m.Route = "down"
			}
			emit(m)
			return nil
		}))
		down := sink.Func(func(context.Context, []sink.Message) error { return flow.Overloaded(errSink, 0) })
		p.Routes = map[string]consumer.Output{"down": {Sink: down}}
		cfg := l.config()
		cfg.Order = consumer.OrderNone // with keys the lane of a record that is refused may hold others
		m := l.run(cfg, p)
		for k := range 40 {
			l.produce(4, 100, 100)
			time.Sleep(time.Second)
			if got, want := l.ledger.distinct(), 4*99*(k+1); got != want {
				t.Fatalf("second %d: %d delivered, want %d", k, got, want)
			}
		}
		m.mustEnd()
	})
}

// What a sink refuses for good it has dealt with: it is no slower for that, and its
// queue stays as short.
func TestASinkThatRejectsEverythingIsNoSlowSink(t *testing.T) {
	inLab(t, 4, func(l *lab) {
		for range 8 {
			l.produce(4, 10_000, 1000)
		}
		l.ledger.unordered = true
		var bad atomic.Bool
		l.ledger.before = func(context.Context, []sink.Message) error {
			if bad.Load() {
				return flow.Permanent(errSink)
			}
			return nil
		}
		p := consumer.Pipeline{
			Sink: consumer.Output{Sink: newSlowSink(l.ledger, 8, 5*time.Millisecond)}, DeadLetter: consumer.Output{Sink: &letters{}},
		}
		p.Sink.Limit.Fixed = 8
		m := l.run(l.config(), p)
		time.Sleep(20 * time.Second)
		bad.Store(true)
		for k := range 300 {
			time.Sleep(100 * time.Millisecond)
			r := m.Explain()
			if s := r.Sinks[0]; s.Wait > 3*time.Minute || r.HeldRecords > 120_000 {
				t.Fatalf("after %d looks %d records are held for %s, want at most 120,000 for the 75 s that it needs for them", k, r.HeldRecords, s.Wait)
			}
		}
		m.mustEnd()
	})
}

// A slow sink with a backlog keeps no worker from the others: there are few of them
// while handlers are quick.
func TestASlowSinkKeepsNoWorkerFromTheOthers(t *testing.T) {
	inLab(t, 4, func(l *lab) {
		slowly := newLedger()
		p := l.to(handlers.Func(func(_ context.Context, rec *handlers.Record, emit handlers.Emit) error {
			m := rec.Message()
			if len(rec.Value) < 2 {
				m.Route = "slow"
			}
			emit(m)
			return nil
		}))
		p.Routes = map[string]consumer.Output{"slow": {Sink: newSlowSink(slowly, 1, 500*time.Millisecond)}}
		cfg := l.config()
		cfg.Order = consumer.OrderNone // with keys some share their lanes with those that wait
		l.ledger.unordered = true
		m := l.run(cfg, p)
		for k := range 60 {
			l.produce(4, 100, 100)
			time.Sleep(time.Second)
			if got, want := l.ledger.distinct(), 4*90*(k+1); got != want {
				t.Fatalf("second %d: %d delivered, want %d; the slow sink has %d", k, got, want, slowly.distinct())
			}
		}
		m.mustEnd()
	})
}
