package file_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/sink"
	"github.com/weir-kafka/weir/sink/file"
	"github.com/weir-kafka/weir/sink/sinktest"
)

func open(t *testing.T, path, fsync string) *file.Sink {
	t.Helper()
	s, err := file.New(file.Config{Path: path, Format: "value", Fsync: fsync})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func lines(t *testing.T, path string) []string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
	if len(b) == 0 {
		return nil
	}
	return strings.Split(strings.TrimSuffix(string(b), "\n"), "\n")
}

func TestConformance(t *testing.T) {
	for _, fsync := range []string{"always", "interval", "never"} {
		t.Run(fsync, func(t *testing.T) {
			sinktest.Run(t, func(t *testing.T) *sinktest.Subject {
				path := filepath.Join(t.TempDir(), "out")
				return &sinktest.Subject{
					Sink: open(t, path, fsync), Bad: []byte("two\nlines"),
					Values: func() []string { return lines(t, path) },
				}
			})
		})
	}
}

func write(t *testing.T, s *file.Sink, values ...string) {
	t.Helper()
	var msgs []sink.Message
	for _, v := range values {
		msgs = append(msgs, sink.Message{Value: []byte(v)})
	}
	if err := s.Write(t.Context(), msgs); err != nil {
		t.Fatal(err)
	}
}

func TestATornLineIsCutOffAtTheNextStart(t *testing.T) {
	for name, torn := range map[string]string{
		"within the last line": "one\ntwo\nthr",
		"within the only line": "one\ntwo\n" + strings.Repeat("x", 100_000),
		"nothing is torn":      "one\ntwo\n",
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "out")
			if err := os.WriteFile(path, []byte(torn), 0o600); err != nil {
				t.Fatal(err)
			}
			write(t, open(t, path, "always"), "three")
			if diff := cmp.Diff([]string{"one", "two", "three"}, lines(t, path)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestAFileThatIsOnlyATornLineBecomesEmpty(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	if err := os.WriteFile(path, []byte("torn"), 0o600); err != nil {
		t.Fatal(err)
	}
	write(t, open(t, path, "never"), "one")
	if diff := cmp.Diff([]string{"one"}, lines(t, path)); diff != "" {
		t.Error(diff)
	}
}

func TestTwoSinksDoNotShareAFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	first := open(t, path, "never")
	write(t, first, "one")
	if err := open(t, path, "never").Write(t.Context(), []sink.Message{{Value: []byte("two")}}); err == nil {
		t.Fatal("two sinks write to one file")
	}
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	write(t, open(t, path, "never"), "two")
	if diff := cmp.Diff([]string{"one", "two"}, lines(t, path)); diff != "" {
		t.Error(diff)
	}
}

func TestAMissingFolderIsAnErrorThatNamesIt(t *testing.T) {
	path := filepath.Join(t.TempDir(), "no", "out")
	err := open(t, path, "never").Write(t.Context(), []sink.Message{{Value: []byte("one")}})
	if err == nil || !strings.Contains(err.Error(), path) {
		t.Error(err)
	}
}

func TestLinesGoToTheFileOfThatName(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"renamed": func(path string) error { return os.Rename(path, path+".1") },
		"removed": os.Remove,
		"cut":     func(path string) error { return os.Truncate(path, 0) },
		"replaced": func(path string) error {
			return errors.Join(os.WriteFile(path+".2", nil, 0o600), os.Rename(path+".2", path))
		},
		"torn by somebody": func(path string) error { return os.WriteFile(path, []byte("two\nthr"), 0o600) },
	} {
		for _, fsync := range []string{"always", "interval", "never"} {
			t.Run(name+", "+fsync, func(t *testing.T) {
				path := filepath.Join(t.TempDir(), "out")
				s := open(t, path, fsync)
				write(t, s, "one", "two")
				if err := change(path); err != nil {
					t.Fatal(err)
				}
				write(t, s, "three")
				write(t, s, "four")
				want := []string{"three", "four"}
				if strings.HasPrefix(name, "torn") {
					want = []string{"two", "three", "four"}
				}
				if diff := cmp.Diff(want, lines(t, path)); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

func TestALinkIsFollowed(t *testing.T) {
	real, path := filepath.Join(t.TempDir(), "real"), filepath.Join(t.TempDir(), "out")
	if err := os.Symlink(real, path); err != nil {
		t.Fatal(err)
	}
	s := open(t, path, "always")
	write(t, s, "one")
	write(t, s, "two")
	if diff := cmp.Diff([]string{"one", "two"}, lines(t, real)); diff != "" {
		t.Error(diff)
	}
}

func TestWhatIsNotAFileIsRefused(t *testing.T) {
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, pipe, os.DevNull} {
		err := open(t, path, "always").Write(t.Context(), []sink.Message{{Value: []byte("one")}})
		if flow.Classify(err) != flow.Retry || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v is %s, want retry", path, err, flow.Classify(err))
		}
	}
}

func TestABatchWithAMessageThatHasNoLineWritesNothing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	s := open(t, path, "always")
	write(t, s, "one")
	err := s.Write(t.Context(), []sink.Message{{Value: []byte("two")}, {Value: []byte("three\nlines")}})
	if flow.Classify(err) != flow.Reject {
		t.Errorf("%v is %s, want reject", err, flow.Classify(err))
	}
	if diff := cmp.Diff([]string{"one"}, lines(t, path)); diff != "" {
		t.Error(diff)
	}
}

func TestCloseDoesNotWaitForTheInterval(t *testing.T) {
	path := filepath.Join(t.TempDir(), "out")
	synctest.Test(t, func(t *testing.T) {
		s := open(t, path, "interval")
		write(t, s, "one")
		before := time.Now()
		if err := s.Close(); err != nil { // it does not wait for the second to pass
			t.Fatal(err)
		}
		if waited := time.Since(before); waited != 0 {
			t.Errorf("Close took %s", waited)
		}
	})
}
