package peers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/handlers"
)

// Weir is the whole journey with its defaults: the handler is called record by record
// and emits to a sink that looks at every message. Set has "order", "memory", what [output]
// knows, "metrics" with "off" for a pipeline without a registerer, "figures" with what else
// is to be known, and "ahead" with "count" to count what the client fetches ahead, which
// costs a little a record.
func Weir(ctx context.Context, s Spec, m *Meter) error {
	cfg, err := weirConfig(s)
	if err != nil {
		return err
	}
	w := watch(&s)
	out, end, err := output(s, m, w)
	if err != nil {
		return err
	}
	wire := new(fetched)
	handler := w.before(s.Stuck.before(handlerOf(ctx, s, m)))
	c, err := consumer.New(cfg, consumer.Pipeline{Handler: handler, Sink: out}, weirOptions(s, wire)...)
	if err != nil {
		return err
	}
	m.Show(func() map[string]float64 { return figures(c.Explain(), wire) })
	if f := w.figures(); f != nil {
		m.Show(f)
	}
	looked, cancel := context.WithCancel(ctx)
	var looking sync.WaitGroup
	defer looking.Wait()
	defer cancel()
	looking.Go(func() { w.run(looked, c) })
	if err := errors.Join(c.Run(ctx), end()); err != nil {
		return fmt.Errorf("weir: %w", err)
	}
	return nil
}

func weirConfig(s Spec) (consumer.Config, error) {
	cfg := consumer.DefaultConfig()
	cfg.Kafka.Brokers, cfg.Kafka.Group, cfg.Kafka.Topics = s.Brokers, s.Group, []string{s.Topic}
	cfg.Kafka.CommitInterval = CommitInterval
	if o := s.Set["order"]; o != "" {
		cfg.Order = consumer.Order(o)
	}
	if s.Stuck != nil {
		cfg.Drain = time.Second // it would wait for what is stuck
	}
	if text := s.Set["memory"]; text != "" {
		if err := cfg.Memory.UnmarshalText([]byte(text)); err != nil {
			return cfg, fmt.Errorf("memory: %w", err)
		}
	}
	return cfg, nil
}

func weirOptions(s Spec, wire *fetched) []consumer.Option {
	var hook kgo.Hook = wire
	if s.Set["ahead"] == "count" {
		hook = &fetchedAhead{wire}
	}
	opts := []consumer.Option{
		consumer.WithLogger(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError}))),
		consumer.WithClientOptions(append(s.clientOptions(), kgo.WithHooks(hook))...),
	}
	if s.Set["metrics"] != "off" {
		opts = append(opts, consumer.WithRegisterer(prometheus.NewRegistry()))
	}
	if s.InFlight > 0 {
		opts = append(opts, consumer.WithHandlers(s.InFlight))
	}
	return opts
}

// figures is what Weir says of itself.
func figures(r consumer.Report, wire *fetched) map[string]float64 {
	f := map[string]float64{
		"held":      float64(r.HeldRecords),
		"held_most": float64(r.Totals.MaxHeld),
		"budget":    float64(r.BudgetBytes),
		"pauses":    float64(r.Pauses),
		"retried":   float64(r.Totals.Retried),
		"fetched":   float64(wire.bytes.Load()),
		"ahead":     float64(wire.ahead.Load()),
	}
	for _, s := range r.Sinks {
		f["limit_"+s.Name] = float64(s.Limit)
	}
	return f
}

// handlerOf passes records on, after what s says that takes.
func handlerOf(run context.Context, s Spec, m *Meter) handlers.Handler {
	if s.Handler == 0 {
		return handlers.Pass
	}
	w := &waiting{over: run.Done(), takes: s.Handler, blocksAfter: s.BlocksAfter}
	m.Show(w.figures)
	return w
}

// waiting is a handler that waits before it passes a record on.
type waiting struct {
	over        <-chan struct{} // ends the waiting of those that block
	takes       time.Duration
	blocksAfter int64

	begun, ended atomic.Int64
}

// Handle implements [handlers.Handler].
func (w *waiting) Handle(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
	n := w.begun.Add(1)
	defer w.ended.Add(1)
	if w.blocksAfter > 0 && n > w.blocksAfter {
		select {
		case <-w.over:
		case <-ctx.Done():
		}
		return handlers.Pass.Handle(ctx, rec, emit)
	}
	if err := Wait(ctx, w.takes); err != nil {
		return err
	}
	return handlers.Pass.Handle(ctx, rec, emit)
}

// InFlight is the figure of how many records are in the handler.
const InFlight = "in flight"

func (w *waiting) figures() map[string]float64 {
	return map[string]float64{InFlight: float64(w.begun.Load() - w.ended.Load())}
}

// Wait waits so long, or until ctx ends, and uses no processor: as the I/O of a handler
// does.
func Wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
