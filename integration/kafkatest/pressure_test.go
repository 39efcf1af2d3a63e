package kafkatest_test

import (
	"context"
	"flag"
	"sync/atomic"
	"testing"
	"time"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/sink"
)

var long = flag.Bool("long", false, "give back-pressure ten minutes")

// A sink that hangs, breathes and hangs again costs neither the membership nor memory.
func TestBackPressureCausesNoRebalanceAndKeepsTheBudget(t *testing.T) {
	for _, protocol := range []consumer.Protocol{consumer.ProtocolClassic, consumer.ProtocolConsumer} {
		t.Run(string(protocol), func(t *testing.T) {
			lasts := 45 * time.Second
			if *long {
				lasts = 5 * time.Minute // for each protocol
			}
			l := newLab(t, shared(t, oneNode), 6)
			var hung atomic.Bool
			l.ledger.setBefore(func(ctx context.Context, _ []sink.Message) error {
				for hung.Load() { // until its time is up, or the sink breathes
					select {
					case <-ctx.Done():
						return ctx.Err()
					case <-time.After(10 * time.Millisecond):
					}
				}
				return nil
			})
			cfg := l.config(protocol)
			cfg.Memory = 16 << 20
			for range 2 {
				l.run(cfg, l.to(nil))
			}
			l.shared()
			before := l.rebalances()
			l.padding = make([]byte, 2048)
			stop := l.flow(500)
			for end := time.Now().Add(lasts); time.Now().Before(end); {
				hung.Store(true)
				time.Sleep(20 * time.Second) // three sessions
				hung.Store(false)
				time.Sleep(2 * time.Second)
			}
			hung.Store(true)
			held := int64(0)
			for _, m := range l.members {
				held = max(held, m.Explain().Totals.MaxHeld)
			}
			stop()
			hung.Store(false)
			l.delivered(2 * time.Minute)
			if got := l.rebalances() - before; got != 0 {
				t.Errorf("%d rebalances, want 0", got)
			}
			t.Logf("held at most %d of %d bytes while the sink hung", held, int64(cfg.Memory))
			if held > int64(cfg.Memory) {
				t.Errorf("held %d bytes, want at most %d", held, int64(cfg.Memory))
			}
			l.settled(0)
		})
	}
}
