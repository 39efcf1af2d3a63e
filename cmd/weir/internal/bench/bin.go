package bench

import (
	"context"
	"fmt"
	"sync"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/sink"
)

// discarded is what stands in the place of a sink: it takes everything in batches of the
// same size, and keeps nothing.
type discarded struct{ limits sink.Limits }

// Write implements sink.Sink.
func (discarded) Write(ctx context.Context, _ []sink.Message) error { return ctx.Err() }

// Limits implements sink.Limited.
func (d discarded) Limits() sink.Limits { return d.limits }

// discard returns o without its sink, and without the rate that was the sink's.
func discard(o consumer.Output) consumer.Output {
	var d discarded
	if l, ok := o.Sink.(sink.Limited); ok {
		d.limits = l.Limits()
	}
	o.Sink, o.Rate = d, consumer.Rate{}
	return o
}

// bin stands in the place of the dead letters: it counts them, and keeps why the first
// came.
type bin struct {
	mu    sync.Mutex
	n     int64
	first string
}

// Write implements sink.Sink.
func (b *bin) Write(_ context.Context, batch []sink.Message) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.n += int64(len(batch)); b.first != "" {
		return nil
	}
	m := &batch[0]
	step, why := "", ""
	for _, h := range m.Headers {
		switch h.Key {
		case consumer.HeaderStep:
			step = string(h.Value)
		case consumer.HeaderError:
			why = string(h.Value)
		}
	}
	at := m.Source
	b.first = fmt.Sprintf("%s/%d/%d", at.Topic, at.Partition, at.Offset) + ", by the " + step + ": " + why
	return nil
}

// empty forgets the count for the next segment.
func (b *bin) empty() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.n = 0
}

func (b *bin) count() (n int64, first string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.n, b.first
}
