package file_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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
	if err != nil {
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
