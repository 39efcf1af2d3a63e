package kafkatest_test

import (
	"context"
	"flag"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/sink"
)

var long = flag.Bool("long", false, "give back-pressure ten minutes")

// A sink that hangs, breathes and hangs again costs neither the membership nor memory,
// and no heartbeat is late.
func TestBackPressureCausesNoRebalanceAndKeepsTheBudget(t *testing.T) {
	t.Parallel()
	for protocol, every := range map[consumer.Protocol]time.Duration{
		consumer.ProtocolClassic:  2 * time.Second,        // a third of the session
		consumer.ProtocolConsumer: 500 * time.Millisecond, // the brokers say so
	} {
		t.Run(string(protocol), func(t *testing.T) {
			t.Parallel()
			lasts := 66 * time.Second
			if *long {
				lasts = 10 * time.Minute
			}
			l := newLab(t, shared(t, oneNode), 6)
			hung := l.hangs()
			cfg := l.config(protocol)
			cfg.Memory = 16 << 20
			var pulses [2]pulse
			for i := range pulses {
				l.run(cfg, l.to(nil), consumer.WithClientOptions(kgo.WithHooks(&pulses[i])))
			}
			l.shared()
			before := l.rebalances()
			for i := range pulses {
				pulses[i].begin()
			}
			other := l.control(every)
			l.padding = make([]byte, 2048)
			stop := l.flow(200) // 4 MiB a second: the memory is full long before the sink breathes
			for end := time.Now().Add(lasts); time.Now().Before(end); {
				hung.Store(true)
				time.Sleep(20 * time.Second) // three sessions
				hung.Store(false)
				time.Sleep(2 * time.Second)
			}
			hung.Store(true)
			if got := l.rebalances() - before; got != 0 {
				t.Errorf("%d rebalances, want 0", got)
			}
			for i := range pulses {
				l.regular(&pulses[i], other, every)
			}
			l.keptBudget(int64(cfg.Memory))
			stop()
			hung.Store(false)
			l.delivered(5 * time.Minute)
			l.settled(0)
		})
	}
}

// hangs makes the sink hang while the value is true: each write until its time is up.
func (l *lab) hangs() *atomic.Bool {
	var hung atomic.Bool
	l.ledger.setBefore(func(ctx context.Context, _ []sink.Message) error {
		for hung.Load() {
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(10 * time.Millisecond):
			}
		}
		return nil
	})
	return &hung
}

// control asks the broker at the pace of heartbeats, and has no sink to wait for: it is
// late when the machine or the broker is.
func (l *lab) control(every time.Duration) *pulse {
	p, cl, ctx := &pulse{}, l.c.Client(l.T), l.Context()
	p.begin()
	go func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		for ctx.Err() == nil {
			sent := time.Now()
			if cl.Ping(ctx) == nil {
				p.beat(sent)
			}
			<-tick.C
		}
	}()
	return p
}

// regular checks that no heartbeat was late by more than a second beyond what the
// control was. A heartbeat that waits for a poll or for the sink is late by as long as
// the sink hangs, which is twenty.
func (l *lab) regular(p, control *pulse, every time.Duration) {
	l.Helper()
	beats, longest := p.read()
	_, machine := control.read()
	l.Logf("%d heartbeats, at most %s apart, meant to be every %s; the control at most %s", beats, longest.Round(time.Millisecond), every, machine.Round(time.Millisecond))
	if limit := max(every, machine) + time.Second; longest > limit {
		l.Errorf("%s without a heartbeat, want at most %s", longest, limit)
	}
}

// keptBudget checks what the members held at most; less than half of it would be no pressure.
func (l *lab) keptBudget(memory int64) {
	l.Helper()
	for i, m := range l.members {
		held := m.Explain().Totals.MaxHeld
		l.Logf("member %d held at most %d of %d bytes while the sink hung", i, held, memory)
		if held > memory || held < memory/2 {
			l.Errorf("member %d held %d bytes, want at most %d, and at least half of it", i, held, memory)
		}
	}
}
