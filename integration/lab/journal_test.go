package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/weir-kafka/weir/integration/ledger"
)

// logs is two members that have written nothing yet.
func logs(t *testing.T) (l *ledger.Log, j *journal, say func(n, second int, line string)) {
	t.Helper()
	l = ledger.NewLog(ledger.History{}, nil)
	j = &journal{sessions: ledger.NewSessions(l)}
	var files []*os.File
	for n := 1; n <= 2; n++ {
		path := filepath.Join(t.TempDir(), logFile)
		w, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		r, err := os.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = w.Close(); _ = r.Close() })
		files = append(files, w)
		j.add(&Member{N: n, log: r})
	}
	return l, j, func(n, second int, line string) {
		if _, err := fmt.Fprintf(files[n-1], `{"time":"2026-01-01T00:00:%02d.5Z",%s}`+"\n", second, line); err != nil {
			t.Fatal(err)
		}
	}
}

func names(l *ledger.Log) (all []string) {
	for _, e := range l.History().Events {
		all = append(all, fmt.Sprintf("%s %d/%d %v", e.Kind, e.Instance, e.Partition.Partition, e.Clean))
	}
	return all
}

func TestASessionEndsBeforeItsSuccessorsBegins(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		drained string
		want    []string
	}{
		"cleanly":         {`"abandoned":0,"waited":5,"committed":true`, []string{"assigned 1/3 false", "assigned 1/4 false", "revoked 1/4 true", "assigned 2/4 false"}},
		"not committed":   {`"abandoned":0,"waited":5,"committed":false`, []string{"assigned 1/3 false", "assigned 1/4 false", "revoked 1/4 false", "assigned 2/4 false"}},
		"gave up in time": {`"abandoned":1,"waited":24000000000,"committed":true`, []string{"assigned 1/3 false", "assigned 1/4 false", "revoked 1/4 false", "assigned 2/4 false"}},
		"done too late":   {`"abandoned":0,"uncommitted":1,"waited":24000000000,"committed":true`, []string{"assigned 1/3 false", "assigned 1/4 false", "revoked 1/4 false", "assigned 2/4 false"}},
		"gave up early":   {`"abandoned":1,"waited":5,"committed":true`, []string{"assigned 1/3 false", "assigned 1/4 false", "revoked 1/4 true", "assigned 2/4 false"}},
	} {
		l, j, say := logs(t)
		say(2, 3, `"msg":"partitions assigned","partitions":["in/4"]`)
		say(1, 1, `"msg":"partitions assigned","partitions":["in/3","in/4"]`)
		say(1, 2, `"msg":"partitions drained","why":"revoked","partitions":["in/4"],`+c.drained)
		j.sync()
		if got := names(l); !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

func TestAPartitionThatIsLostWhileItIsDrainedIsNotGivenBack(t *testing.T) {
	t.Parallel()
	l, j, say := logs(t)
	say(1, 1, `"msg":"partitions assigned","partitions":["in/3"]`)
	say(1, 2, `"msg":"partition lost while it was drained","topic":"in","partition":3`)
	j.sync()
	say(1, 3, `"msg":"partitions drained","why":"revoked","partitions":["in/3"],"committed":true`)
	say(1, 4, `"msg":"partitions assigned","partitions":["in/3"]`)
	say(2, 5, `"msg":"partitions assigned","partitions":["in/3"]`)
	j.sync()
	want := []string{"assigned 1/3 false", "lost 1/3 false", "assigned 1/3 false", "assigned 2/3 false"}
	if got := names(l); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestAShutdownEndsAllSessions(t *testing.T) {
	t.Parallel()
	l, j, say := logs(t)
	say(1, 1, `"msg":"partitions assigned","partitions":["in/3"]`)
	say(1, 2, `"msg":"partitions drained","why":"shutdown","partitions":["in/3"],"committed":true`)
	j.sync()
	want := []string{"assigned 1/3 false", "revoked 1/3 true"}
	if got := names(l); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
