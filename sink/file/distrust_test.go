package file

import (
	"errors"
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weir-kafka/weir/sink"
)

// An fsync that fails can not be had from outside, so these tests stand inside.

func one(t *testing.T, fsync string) (*Sink, string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "out")
	s, err := New(Config{Path: path, Format: "value", Fsync: fsync})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s, path
}

func content(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

var errDisk = errors.New("input/output error")

func TestWhatNoFsyncReachedIsCutOffWhenOneFails(t *testing.T) {
	s, path := one(t, fsyncAlways)
	if err := s.Write(t.Context(), []sink.Message{{Value: []byte("durable")}}); err != nil {
		t.Fatal(err)
	}
	s.flushers.Wait()
	s.mu.Lock()
	s.flushing = true // the fsync under way is this test's
	s.mu.Unlock()
	c, err := s.append([]byte("not yet\n"))
	if err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	s.distrust(errDisk)
	s.flushing = false
	s.mu.Unlock()
	if <-c.done; !errors.Is(c.err, errDisk) {
		t.Errorf("the write that waited got %v, want %v", c.err, errDisk)
	}
	if got, want := content(t, path), "durable\n"; got != want {
		t.Errorf("the file holds %q, want %q", got, want)
	}
	if err := s.Write(t.Context(), []sink.Message{{Value: []byte("not yet")}}); err != nil {
		t.Fatal(err)
	}
	if got, want := content(t, path), "durable\nnot yet\n"; got != want {
		t.Errorf("the file holds %q, want %q", got, want)
	}
}

func TestAFailedFsyncFailsItsWriteAndTheFileIsOpenedAgain(t *testing.T) {
	s, path := one(t, fsyncAlways)
	if err := s.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	s.flushing = true
	s.mu.Unlock()
	c, err := s.append([]byte("one\n"))
	if err != nil {
		t.Fatal(err)
	}
	if err := s.f.Close(); err != nil { // now its fsync fails
		t.Fatal(err)
	}
	s.flush()
	if <-c.done; c.err == nil {
		t.Error("a write was acknowledged though its fsync failed")
	}
	if s.f != nil {
		t.Error("the file is trusted after a failed fsync")
	}
	if err := s.Write(t.Context(), []sink.Message{{Value: []byte("two")}}); err != nil {
		t.Fatal(err)
	}
	if got, want := content(t, path), "one\ntwo\n"; got != want {
		t.Errorf("the file holds %q, want %q", got, want)
	}
}

func TestAnFsyncThatNobodyWaitedForFailsTheNextWrite(t *testing.T) {
	s, path := one(t, fsyncInterval)
	if err := s.Write(t.Context(), []sink.Message{{Value: []byte("one")}}); err != nil {
		t.Fatal(err)
	}
	s.mu.Lock()
	s.distrust(errDisk)
	s.mu.Unlock()
	if err := s.Write(t.Context(), []sink.Message{{Value: []byte("two")}}); !errors.Is(err, errDisk) {
		t.Errorf("got %v, want %v", err, errDisk)
	}
	if err := s.Write(t.Context(), []sink.Message{{Value: []byte("two")}}); err != nil {
		t.Fatal(err)
	}
	if got, want := content(t, path), "one\ntwo\n"; got != want {
		t.Errorf("the file holds %q, want %q: what was acknowledged stays", got, want)
	}
}

func TestIntervalSyncsAlsoWhatNothingFollows(t *testing.T) {
	s, _ := one(t, fsyncInterval)
	synctest.Test(t, func(t *testing.T) {
		s.stop = make(chan struct{}) // of this bubble
		s.next = newCommit()
		if err := s.Write(t.Context(), []sink.Message{{Value: []byte("one")}}); err != nil {
			t.Fatal(err)
		}
		time.Sleep(999 * time.Millisecond)
		synctest.Wait()
		s.mu.Lock()
		before := s.durable
		s.mu.Unlock()
		time.Sleep(time.Millisecond)
		s.flushers.Wait()
		if before != 0 || s.durable != 4 {
			t.Errorf("%d bytes are durable before the second has passed and %d after, want 0 and 4", before, s.durable)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	})
}
