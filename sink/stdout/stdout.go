// Package stdout is the sink that prints one line a message.
package stdout

import (
	"context"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/weir-kafka/weir/sink"
	"github.com/weir-kafka/weir/sink/internal/line"
)

// Config says how a message becomes a line.
type Config struct {
	Format string    `yaml:"format" doc:"value (the value and a newline) or json (an object with position, key, value and headers)."`
	Out    io.Writer `yaml:"-"` // defaults to os.Stdout
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config { return Config{Format: string(line.Value)} }

// Sink prints.
type Sink struct {
	format line.Format

	mu  sync.Mutex
	out io.Writer
	buf []byte
}

// New returns the sink.
func New(cfg Config) (*Sink, error) {
	f := line.Format(cfg.Format)
	if err := f.Check(); err != nil {
		return nil, fmt.Errorf("stdout: %w", err)
	}
	if cfg.Out == nil {
		cfg.Out = os.Stdout
	}
	return &Sink{format: f, out: cfg.Out}, nil
}

// Write prints a batch with one write, so that its lines are never torn.
func (s *Sink) Write(ctx context.Context, batch []sink.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	var be *sink.BatchError
	s.buf, be = s.format.Batch(s.buf[:0], batch)
	if len(s.buf) > 0 {
		if _, err := s.out.Write(s.buf); err != nil {
			return fmt.Errorf("stdout: %w", err)
		}
	}
	return be.Err()
}
