// Package file is the sink that appends lines to a file. After a kill it goes
// on without a torn line.
//
// The file may be renamed or removed meanwhile: what follows goes to a new one
// of its name. A disk that hangs keeps a write, and Close, until it answers.
package file

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/weir-kafka/weir/sink"
	"github.com/weir-kafka/weir/sink/internal/line"
)

// Config names the file.
type Config struct {
	Path   string `yaml:"path" doc:"File to append to. It is created if it does not exist; its folder must."`
	Format string `yaml:"format" doc:"value (the value and a newline) or json (an object with position, key, value and headers)."`
	Fsync  string `yaml:"fsync" doc:"always (a write is done once it is on the disk), interval (once a second; a power cut may lose what was acknowledged) or never."`
}

// The fsync policies.
const (
	fsyncAlways   = "always"
	fsyncInterval = "interval"
	fsyncNever    = "never"
)

// DefaultConfig returns the defaults; only Path must be set.
func DefaultConfig() Config { return Config{Format: string(line.JSON), Fsync: fsyncAlways} }

// ErrClosed is returned by a write to a sink that was closed.
var ErrClosed = errors.New("file: the sink is closed")

// Sink appends to one file, which it holds locked against other processes.
type Sink struct {
	cfg      Config
	format   line.Format
	stop     chan struct{} // closed by Close
	flushers sync.WaitGroup

	mu       sync.Mutex
	f        *os.File
	size     int64   // behind the last whole line
	durable  int64   // how much of it an fsync is known to have reached
	next     *commit // of the writes that no fsync has begun for
	flushing bool    // somebody syncs what next holds
	late     error   // of an fsync that nobody waited for
	closed   bool
}

// commit is the outcome of one fsync, for the writes that share it.
type commit struct {
	done   chan struct{}
	err    error // set before done is closed
	writes int
}

func newCommit() *commit { return &commit{done: make(chan struct{})} }

func (c *commit) settle(err error) {
	c.err = err
	close(c.done)
}

// New checks cfg; the file is opened by the first write.
func New(cfg Config) (*Sink, error) {
	if cfg.Path == "" {
		return nil, errors.New("file: path is empty; name the file to append to")
	}
	f := line.Format(cfg.Format)
	if err := f.Check(); err != nil {
		return nil, fmt.Errorf("file: %w", err)
	}
	if cfg.Fsync != fsyncAlways && cfg.Fsync != fsyncInterval && cfg.Fsync != fsyncNever {
		return nil, fmt.Errorf("file: fsync: %q is not always, interval or never", cfg.Fsync)
	}
	return &Sink{cfg: cfg, format: f, stop: make(chan struct{}), next: newCommit()}, nil
}

// Limits implements sink.Limited.
func (*Sink) Limits() sink.Limits { return line.Limits() }

// Ping opens the file.
func (s *Sink) Ping(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ready()
}

// Write appends a batch as whole lines. What could not be written whole is taken
// back, and a message that has no line fails the batch before anything is
// written. When ctx ends before the disk has it, the outcome is not known.
func (s *Sink) Write(ctx context.Context, batch []sink.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	text, err := s.format.Batch(nil, batch)
	if err != nil {
		return fmt.Errorf("file: %w", err)
	}
	c, err := s.append(text)
	if err != nil || s.cfg.Fsync != fsyncAlways {
		return err
	}
	select {
	case <-c.done:
		return c.err
	case <-ctx.Done():
		return fmt.Errorf("file: outcome unknown: %w", ctx.Err())
	}
}

// append writes text behind the last whole line and returns the fsync that will
// reach it. The place is given with each write: after a failed one there may be
// more in the file than lines.
func (s *Sink) append(text []byte) (*commit, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.late; err != nil {
		s.late = nil
		return nil, err
	}
	if err := s.ready(); err != nil {
		return nil, err
	}
	if _, err := s.f.WriteAt(text, s.size); err != nil {
		if cut := s.f.Truncate(s.size); cut != nil {
			s.leave() // the next write opens it and cuts it
			err = errors.Join(err, cut)
		}
		return nil, wrap(err)
	}
	s.size += int64(len(text))
	if s.cfg.Fsync != fsyncNever {
		s.next.writes++
		if !s.flushing {
			s.flushing = true
			s.flushers.Go(s.flush)
		}
	}
	return s.next, nil
}

func wrap(err error) error {
	if err == nil {
		return nil
	}
	return line.Verdict(fmt.Errorf("file: %w", err))
}

// flush puts what was written on the disk until nothing is left to be. Writes
// that come while an fsync runs share the next one.
func (s *Sink) flush() {
	if s.cfg.Fsync == fsyncInterval {
		select {
		case <-time.After(time.Second):
		case <-s.stop:
		}
	}
	for {
		s.mu.Lock()
		c, f, size := s.next, s.f, s.size
		if c.writes == 0 {
			s.flushing = false
			s.mu.Unlock()
			return
		}
		s.next = newCommit()
		s.mu.Unlock()
		err := wrap(f.Sync())
		s.mu.Lock()
		switch {
		case s.f != f: // it was left meanwhile, which settled what came later
		case err != nil:
			s.distrust(err)
		default:
			s.durable = size
		}
		s.mu.Unlock()
		c.settle(err)
	}
}

// distrust gives up the file after an fsync failed: the system may have dropped
// the pages and would call the next fsync a success. What no fsync has reached is
// cut off, and its writes fail; under fsync interval it was acknowledged and
// stays.
func (s *Sink) distrust(err error) {
	if s.cfg.Fsync == fsyncAlways {
		_ = s.f.Truncate(s.durable)
	}
	s.release(err)
}

// leave syncs and closes the file.
func (s *Sink) leave() {
	var err error
	if s.cfg.Fsync != fsyncNever {
		err = wrap(s.f.Sync())
	}
	s.release(err)
}

// release closes the file and tells those who wait for an fsync what came of it.
func (s *Sink) release(err error) {
	if closed := wrap(s.f.Close()); err == nil {
		err = closed
	}
	s.f = nil
	c := s.next
	s.next = newCommit()
	c.settle(err)
	if s.cfg.Fsync != fsyncAlways {
		s.late = err
	}
}

// Close syncs and closes the file and returns once no goroutine of the sink is
// left. It may be called twice.
func (s *Sink) Close() error {
	s.mu.Lock()
	if !s.closed {
		s.closed = true
		close(s.stop)
	}
	s.mu.Unlock()
	s.flushers.Wait()
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.f == nil {
		return nil
	}
	c := s.next
	s.leave()
	return c.err
}
