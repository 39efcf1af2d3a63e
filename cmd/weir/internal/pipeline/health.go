package pipeline

import (
	"context"
	"fmt"
	"io"
	"runtime/metrics"
	"strings"
	"time"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/flow"
)

// newHealth returns the health of a pipeline. With verbose it shows what each
// sink says, which does not count: all replicas would leave at the same time.
func newHealth(c *consumer.Consumer) *flow.Health {
	return &flow.Health{VerboseFunc: func(w io.Writer) {
		r := c.Explain()
		_, _ = fmt.Fprintf(w, "state %s %s\n", r.State, strings.Join(r.Reasons, ", "))
		for _, s := range r.Sinks {
			_, _ = fmt.Fprintf(w, "sink %s limit %d in flight %d queued %d %s\n", s.Name, s.Limit, s.InFlight, s.QueuedMessages, s.Reason)
		}
	}}
}

// looks is how often load is looked at.
const looks = 250 * time.Millisecond

// memoryLost is the level at which the live heap leaves the garbage collector no
// room: 0.95 of the limit. What lies below is a full budget, as a slow sink leaves
// it, and no reason to leave the rotation.
const memoryLost = 3

// watchHealth keeps h up to date until the function that it returns is called. It
// has started once the consumer was ready first, and drains when ctx ends.
func watchHealth(ctx context.Context, h *flow.Health, c *consumer.Consumer) func() {
	done := make(chan struct{})
	end, cancel := context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(done)
		cpu, memory := &flow.CPULoad{}, &flow.MemoryLoad{ReadFunc: liveShare}
		tick := time.NewTicker(looks)
		defer tick.Stop()
		for {
			select {
			case <-end.Done():
				return
			case <-ctx.Done():
				h.Drain()
				<-end.Done()
				return
			case now := <-tick.C:
				if c.Ready() == nil {
					h.Start()
				}
				busy := cpu.Busy(now)
				h.Overload(now, memory.Level(now) >= memoryLost || busy)
			}
		}
	}()
	return func() { cancel(); <-done }
}

// liveShare returns what the last collection found alive, as a share of the
// memory limit. What the runtime holds beside it is garbage, and is near the
// limit in a process that is well.
func liveShare() float64 {
	s := []metrics.Sample{{Name: "/gc/heap/live:bytes"}, {Name: "/gc/gomemlimit:bytes"}}
	metrics.Read(s)
	if s[0].Value.Kind() != metrics.KindUint64 || s[1].Value.Kind() != metrics.KindUint64 || s[1].Value.Uint64() == 0 {
		return 0
	}
	return float64(s[0].Value.Uint64()) / float64(s[1].Value.Uint64())
}
