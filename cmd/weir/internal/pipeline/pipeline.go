// Package pipeline runs a pipeline from its file: what weir run does, and what
// the demo does too.
package pipeline

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"runtime/debug"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"

	"github.com/weir-kafka/weir/cmd/weir/internal/admin"
	"github.com/weir-kafka/weir/config"
	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/sink"
)

// Options are the live things of a run.
type Options struct {
	Logger *slog.Logger
	// OnStart is told where the admin listener is ("" when it is off) and given the
	// consumer, before it runs.
	OnStart func(admin string, c *consumer.Consumer)
	// Trace is given a line for each write to the main sink; nil means that nobody
	// records it.
	Trace io.Writer
}

// Logger builds the logger that a file asks for.
func Logger(l config.Log, w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(l.Level)) // checked by config
	opts := &slog.HandlerOptions{Level: level}
	if l.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}

// Run runs the pipeline of f until ctx ends, drains, closes its sinks and says
// in one line what it did.
func Run(ctx context.Context, f *config.File, o Options) (err error) {
	p, err := f.Pipeline(o.Logger)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, Close(p)) }()
	reg := newRegistry()
	opts := []consumer.Option{consumer.WithLogger(o.Logger), consumer.WithRegisterer(reg)}
	if o.Trace != nil {
		t := newTrace(o.Trace, time.Now())
		defer func() { err = errors.Join(err, t.end()) }()
		opts = append(opts, consumer.WithWrites(t.add))
	}
	c, err := consumer.New(f.Consumer, p, opts...)
	if err != nil {
		return err
	}
	health := newHealth(c)
	defer watchHealth(ctx, health, c)()
	addr := ""
	if f.Admin.Listen != "off" {
		srv, err := admin.Start(f.Admin.Listen, c, health, reg)
		if err != nil {
			return err
		}
		defer func() { _ = srv.Stop() }()
		addr = srv.Addr()
	}
	o.Logger.Info("starting", "pipeline", f.Consumer.Name, "group", f.Consumer.Kafka.Group, "topics", f.Consumer.Kafka.Topics,
		"pattern", f.Consumer.Kafka.Pattern, "brokers", f.Consumer.Kafka.Brokers, "memory", f.Consumer.Memory, "metrics", metricsURL(addr))
	if o.OnStart != nil {
		o.OnStart(addr, c)
	}
	ping(ctx, o.Logger, p)
	joined := watchJoin(ctx, o.Logger, f.Consumer.Kafka, c)
	err = c.Run(ctx)
	joined()
	r := c.Explain()
	o.Logger.Info("stopped", "pipeline", f.Consumer.Name, "polled", r.Totals.Polled, "done", r.Totals.Done, "written", r.Totals.Written,
		"retried", r.Totals.Retried, "dead_letters", r.Totals.DeadLetters, "skipped", r.Totals.Skipped, "rebalances", r.Rebalances)
	return err
}

// newRegistry returns a registry with what the process says of itself, and with it
// what [watchHealth] decides by.
func newRegistry() *prometheus.Registry {
	reg := prometheus.NewRegistry()
	load := collectors.GoRuntimeMetricsRule{Matcher: regexp.MustCompile(`^/sched/latencies:seconds$|^/gc/heap/live:bytes$`)}
	reg.MustRegister(collectors.NewGoCollector(collectors.WithGoCollectorRuntimeMetrics(load)),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return reg
}

func metricsURL(addr string) string {
	if addr == "" {
		return "off"
	}
	return "http://" + addr + "/metrics"
}

// ping warns of sinks that are not there yet. They may come later.
func ping(ctx context.Context, log *slog.Logger, p consumer.Pipeline) {
	for _, o := range p.Outputs() {
		if s, ok := o.Sink.(sink.Pinger); ok {
			ctx, cancel := context.WithTimeout(ctx, consumer.DefaultSinkConfig().Timeout)
			if err := s.Ping(ctx); err != nil {
				log.Warn("sink does not answer; starting all the same", "err", err)
			}
			cancel()
		}
	}
}

// Close closes every sink of p that can be closed.
func Close(p consumer.Pipeline) error {
	var errs []error
	for _, o := range p.Outputs() {
		if c, ok := o.Sink.(io.Closer); ok {
			if err := c.Close(); err != nil {
				errs = append(errs, fmt.Errorf("close: %w", err))
			}
		}
	}
	return errors.Join(errs...)
}

// LimitMemory tells the runtime to collect garbage before the process grows
// beyond the budgets of its pipelines by more than a little.
func LimitMemory(budget int64) {
	const own = 48 << 20 // code, stacks, connections, buffers
	debug.SetMemoryLimit(budget + budget/20 + own)
}
