// Package file is the sink that appends lines to a file. After a kill it goes
// on without a torn line.
package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"

	"github.com/weir-kafka/weir/flow"
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

// DefaultConfig returns the defaults.
func DefaultConfig() Config { return Config{Format: string(line.JSON), Fsync: fsyncAlways} }

// ErrClosed is returned by a write to a sink that was closed.
var ErrClosed = errors.New("file: the sink is closed")

// Sink appends to one file, which it holds locked against other processes.
type Sink struct {
	cfg    Config
	format line.Format

	mu      sync.Mutex
	f       *os.File
	size    int64 // behind the last whole line
	buf     []byte
	written uint64 // writes
	closed  bool

	syncMu sync.Mutex
	synced uint64 // writes that are on the disk
	last   time.Time
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
	return &Sink{cfg: cfg, format: f}, nil
}

// Ping opens the file.
func (s *Sink) Ping(context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.open()
}

// open opens and locks the file and cuts a torn last line: its message was never
// acknowledged.
func (s *Sink) open() error {
	if s.closed {
		return ErrClosed
	}
	if s.f != nil {
		return nil
	}
	f, err := os.OpenFile(s.cfg.Path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("file: %w", err)
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return fmt.Errorf("file: %s is in use by another process: %w", s.cfg.Path, err)
	}
	size, err := wholeLines(f)
	if err == nil {
		err = f.Truncate(size)
	}
	if err == nil {
		_, err = f.Seek(size, io.SeekStart)
	}
	if err == nil {
		err = syncDir(s.cfg.Path)
	}
	if err != nil {
		_ = f.Close()
		return fmt.Errorf("file: %w", err)
	}
	s.f, s.size = f, size
	return nil
}

// syncDir makes a new file's name durable.
func syncDir(path string) error {
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// wholeLines returns the size of f up to its last newline, searching backwards.
func wholeLines(f *os.File) (int64, error) {
	end, err := f.Seek(0, io.SeekEnd)
	if err != nil {
		return 0, err
	}
	buf := make([]byte, 64<<10)
	for end > 0 {
		n := min(int64(len(buf)), end)
		if _, err := f.ReadAt(buf[:n], end-n); err != nil {
			return 0, err
		}
		for i := n - 1; i >= 0; i-- {
			if buf[i] == '\n' {
				return end - n + i + 1, nil
			}
		}
		end -= n
	}
	return 0, nil
}

// Write appends a batch as whole lines. What could not be written whole is taken
// back.
func (s *Sink) Write(ctx context.Context, batch []sink.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	seq, be, err := s.append(batch)
	if err != nil {
		return err
	}
	if err := s.sync(seq); err != nil {
		return err
	}
	return be.Err()
}

func (s *Sink) append(batch []sink.Message) (uint64, *sink.BatchError, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if err := s.open(); err != nil {
		return 0, nil, err
	}
	var be *sink.BatchError
	s.buf, be = s.format.Batch(s.buf[:0], batch)
	n, err := s.f.Write(s.buf)
	if err != nil {
		if n > 0 {
			err = errors.Join(err, s.f.Truncate(s.size))
		}
		_, seekErr := s.f.Seek(s.size, io.SeekStart)
		return 0, nil, verdict(errors.Join(err, seekErr))
	}
	s.size += int64(n)
	s.written++
	return s.written, be, nil
}

// verdict: a full disk is a sink without room.
func verdict(err error) error {
	err = fmt.Errorf("file: %w", err)
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return flow.Overloaded(err, time.Second)
	}
	return err
}

// sync puts what was written up to seq on the disk. Writers that wait for the
// same disk share its fsync.
func (s *Sink) sync(seq uint64) error {
	if s.cfg.Fsync == fsyncNever {
		return nil
	}
	s.syncMu.Lock()
	defer s.syncMu.Unlock()
	if s.synced >= seq {
		return nil
	}
	if s.cfg.Fsync == fsyncInterval && time.Since(s.last) < time.Second {
		return nil
	}
	s.mu.Lock()
	f, written := s.f, s.written
	s.mu.Unlock()
	if f == nil {
		return ErrClosed
	}
	if err := f.Sync(); err != nil {
		return verdict(err)
	}
	s.synced, s.last = written, time.Now()
	return nil
}

// Close syncs and closes the file. It may be called twice.
func (s *Sink) Close() error {
	s.syncMu.Lock()
	defer s.syncMu.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.f == nil {
		return nil
	}
	f := s.f
	s.f = nil
	return errors.Join(f.Sync(), f.Close())
}
