package file

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"syscall"
)

// ready makes sure that the open file is the one of that name, with nothing
// behind our last line: it may have been renamed, removed or cut meanwhile.
func (s *Sink) ready() error {
	if s.closed {
		return ErrClosed
	}
	if s.f != nil && s.changed() {
		s.leave()
	}
	if s.f != nil {
		return nil
	}
	f, size, err := open(s.cfg.Path)
	if err != nil {
		return wrap(err)
	}
	s.f, s.size, s.durable = f, size, size
	return nil
}

func (s *Sink) changed() bool {
	named, err := os.Stat(s.cfg.Path)
	if err != nil {
		return true
	}
	held, err := s.f.Stat()
	return err != nil || !os.SameFile(named, held) || held.Size() != s.size
}

// open opens and locks a file, cuts a torn last line, whose message was never
// acknowledged, and returns the size without it.
func open(path string) (*os.File, int64, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o644)
	if err != nil {
		return nil, 0, err
	}
	size, err := claim(f)
	if err == nil {
		err = syncDir(path)
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, size, nil
}

func claim(f *os.File) (size int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	if !info.Mode().IsRegular() {
		return 0, fmt.Errorf("%s is not a file that lines can be appended to", f.Name())
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		return 0, fmt.Errorf("%s is in use by another sink: %w", f.Name(), err)
	}
	if size, err = wholeLines(f); err != nil {
		return 0, err
	}
	return size, f.Truncate(size)
}

// syncDir makes a new file's name durable, in the folder where it really is.
func syncDir(path string) error {
	real, err := filepath.EvalSymlinks(path)
	if err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(real))
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
