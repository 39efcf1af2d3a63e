// Package discard is the sink that takes everything and keeps nothing.
package discard

import (
	"context"

	"github.com/weir-kafka/weir/sink"
)

// Config has nothing to say.
type Config struct{}

// DefaultConfig returns the defaults.
func DefaultConfig() Config { return Config{} }

// Sink takes everything.
type Sink struct{}

// New returns the sink.
func New(Config) (*Sink, error) { return &Sink{}, nil }

// Write returns ctx's error, which is nil while the caller still wants it.
func (*Sink) Write(ctx context.Context, _ []sink.Message) error { return ctx.Err() }
