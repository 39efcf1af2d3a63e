package consumer

import (
	"context"
	"log/slog"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Consumer moves records from Kafka through a handler to sinks.
type Consumer struct{}

// Option sets a live thing.
type Option func(*Consumer)

// WithLogger sets the logger; the default discards.
func WithLogger(*slog.Logger) Option { return nil }

// WithRegisterer registers the metrics.
func WithRegisterer(prometheus.Registerer) Option { return nil }

// WithClientOptions adds options to the Kafka client, after the consumer's own.
func WithClientOptions(...kgo.Opt) Option { return nil }

// WithNow sets the clock, for tests.
func WithNow(func() time.Time) Option { return nil }

// New checks cfg and builds a consumer. It connects to nothing.
func New(cfg Config, p Pipeline, opts ...Option) (*Consumer, error) { return nil, nil }

// Run consumes until ctx ends, then drains and leaves the group.
func (c *Consumer) Run(ctx context.Context) error { return nil }

// Explain reports the state of every partition and why.
func (c *Consumer) Explain() Report { return Report{} }

// Ready returns nil while the consumer makes progress or has nothing to do, and otherwise why it is not ready.
func (c *Consumer) Ready() error { return nil }

// ClientOptions returns the kgo options that reach the cluster: brokers, TLS, SASL.
func (k KafkaConfig) ClientOptions() ([]kgo.Opt, error) { return nil, nil }
