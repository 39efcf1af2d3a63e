package peers

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/sink"
)

// Weir is the whole journey with its defaults: the handler is called record by record
// and emits to a sink that looks at every message. Set has "order", "metrics" with
// "off" for a pipeline without a registerer, and "figures" with what else is to be known.
func Weir(ctx context.Context, s Spec, m *Meter) error {
	cfg := consumer.DefaultConfig()
	cfg.Kafka.Brokers, cfg.Kafka.Group, cfg.Kafka.Topics = s.Brokers, s.Group, []string{s.Topic}
	cfg.Kafka.CommitInterval = CommitInterval
	if o := s.Set["order"]; o != "" {
		cfg.Order = consumer.Order(o)
	}
	if s.Stuck != nil {
		cfg.Drain = time.Second // it would wait for what is stuck
	}
	w := watch(&s)
	to := sink.Func(func(_ context.Context, batch []sink.Message) error {
		bytes := 0
		for i := range batch {
			bytes += len(batch[i].Value)
		}
		w.wrote(batch)
		m.Add(len(batch), bytes)
		return nil
	})
	opts := []consumer.Option{consumer.WithLogger(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelError})))}
	if s.Set["metrics"] != "off" {
		opts = append(opts, consumer.WithRegisterer(prometheus.NewRegistry()))
	}
	if s.InFlight > 0 {
		opts = append(opts, consumer.WithHandlers(s.InFlight))
	}
	handler := w.before(s.Stuck.before(handlerOf(s.Handler)))
	c, err := consumer.New(cfg, consumer.Pipeline{Handler: handler, Sink: consumer.Output{Sink: to}}, opts...)
	if err != nil {
		return err
	}
	if f := w.figures(); f != nil {
		m.Figures = f
	}
	ctx, cancel := context.WithCancel(ctx)
	var looking sync.WaitGroup
	defer looking.Wait()
	defer cancel()
	looking.Go(func() { w.run(ctx, c) })
	if err := c.Run(ctx); err != nil {
		return fmt.Errorf("weir: %w", err)
	}
	return nil
}

// handlerOf passes records on, after so long.
func handlerOf(takes time.Duration) handlers.Handler {
	if takes == 0 {
		return handlers.Pass
	}
	return handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
		if err := sleep(ctx, takes); err != nil {
			return err
		}
		return handlers.Pass.Handle(ctx, rec, emit)
	})
}

// sleep is the I/O of a handler: it waits and uses no processor.
func sleep(ctx context.Context, takes time.Duration) error {
	t := time.NewTimer(takes)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
