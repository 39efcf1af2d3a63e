// Package stdout is the sink that prints one line a message.
//
// A pipe that nobody reads any more is an error like any other, unless it is the
// standard output itself: there the Go runtime lets SIGPIPE end the process,
// except in a program that asked for that signal with [os/signal.Notify].
package stdout

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"

	"github.com/weir-kafka/weir/sink"
	"github.com/weir-kafka/weir/sink/internal/line"
)

// Config says how a message becomes a line.
type Config struct {
	Format string    `yaml:"format" doc:"value (the value and a newline) or json (an object with position, key, value and headers)."`
	Out    io.Writer `yaml:"-"` // defaults to os.Stdout
}

// DefaultConfig returns the defaults: values, on the standard output.
func DefaultConfig() Config { return Config{Format: string(line.Value)} }

// Sink prints.
type Sink struct {
	format line.Format
	// turn is held by whoever prints. It is a channel so that waiting ends with the
	// context: a reader that has stopped keeps a print for as long as it likes.
	turn chan struct{}
	out  io.Writer
	torn bool // the last line has no end yet
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
	return &Sink{format: f, turn: make(chan struct{}, 1), out: cfg.Out}, nil
}

// Limits implements sink.Limited.
func (*Sink) Limits() sink.Limits { return line.Limits() }

// Write prints a batch with one write, so that other output does not get between
// its lines. A message that has no line fails the batch before anything is
// printed. When ctx ends first, the print goes on and its outcome is not known.
func (s *Sink) Write(ctx context.Context, batch []sink.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	text, err := s.format.Batch(nil, batch)
	if err != nil {
		return fmt.Errorf("stdout: %w", err)
	}
	select {
	case s.turn <- struct{}{}:
	case <-ctx.Done():
		return fmt.Errorf("stdout: waiting for an earlier print: %w", ctx.Err())
	}
	done := make(chan error, 1)
	n := len(batch)
	go func() { // ends with the print, which nothing can take back
		defer func() { <-s.turn }()
		done <- s.print(text, n)
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return fmt.Errorf("stdout: outcome unknown: %w", ctx.Err())
	}
}

// print writes the lines of n messages. If only some of them come out whole, the
// others are reported, and the torn one gets its end before anything else.
func (s *Sink) print(text []byte, n int) error {
	if s.torn {
		if _, err := s.out.Write([]byte{'\n'}); err != nil {
			return line.Verdict(fmt.Errorf("stdout: %w", err))
		}
		s.torn = false
	}
	wrote, err := s.out.Write(text)
	if err == nil {
		return nil
	}
	err = line.Verdict(fmt.Errorf("stdout: %w", err))
	if wrote = min(max(wrote, 0), len(text)); wrote == 0 {
		return err
	}
	s.torn = text[wrote-1] != '\n'
	var be sink.BatchError
	for i := bytes.Count(text[:wrote], []byte{'\n'}); i < n; i++ {
		be.Add(i, err)
	}
	return be.Err()
}
