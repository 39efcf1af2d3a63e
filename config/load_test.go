package config_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-kafka/weir/config"
)

func TestEveryProblemIsReportedAtOnceInTheOrderOfTheFile(t *testing.T) {
	t.Parallel()
	text := "drain: 5\nkafka: {brokres: [a:1],\n  group: [x]}\nsink: {stdot: {}}\nhandlers: [{filtr: {}}]\nmemory: 1MB\n"
	_, err := parse(text, nil, nil)
	var ps config.Problems
	if !errors.As(err, &ps) {
		t.Fatalf("got a %T, want Problems", err)
	}
	type at struct {
		Line int
		Path string
	}
	var got []at
	for _, p := range ps {
		got = append(got, at{p.Line, p.Path})
	}
	want := []at{{1, "drain"}, {2, "kafka.brokres"}, {3, "kafka.group"}, {4, "sink.stdot"}, {5, "handlers[0]"}, {6, "memory"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestLineIsThatOfTheValueInBlockAndFlowStyle(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text string
		want string
	}{
		"block":      {"kafka:\n  brokers:\n    - a:1\n    - b\n  group: g\n  topics: [t]\nsink: {stdout: {}}\n", "p.yaml:4: kafka.brokers[1]:"},
		"flow":       {"kafka: {brokers: [a:1,\n b],\n group: g, topics: [t]}\nsink: {stdout: {}}\n", "p.yaml:2: kafka.brokers[1]:"},
		"deep flow":  {"kafka: {brokers: [a:1], group: g, topics: [t]}\nsink: {http: {url: 'http://x'},\n\n limit: {max: 3,\n  fixed: 2}}\n", "p.yaml:4: sink.limit:"},
		"after text": {"name: |\n  one\n  two\nkafka: {brokers: [a:1], group: g, topics: [t]}\nsink: {stdout: {}}\ndrain: x\n", "p.yaml:6: drain:"},
		"CRLF":       {"kafka: {brokers: [a:1],\r\n group: g, topics: [t]}\r\nsink: {stdout: {}}\r\ndrain: x\r\n", "p.yaml:4: drain:"},
		"anchor":     {"kafka: &k {brokers: [a:1], group: g, topics: [t]}\nsink: {stdout: {}}\nsinks: {a: *s}\n", "p.yaml:3: is not YAML: unknown anchor 's'"},
	} {
		_, err := parse(tt.text, nil, nil)
		if err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%s: got %v, want %s", name, err, tt.want)
		}
	}
}

func TestNearestNameIsASlipAway(t *testing.T) {
	t.Parallel()
	known := []string{"brokers", "group", "topics", "rebalance_timeout"}
	for name, want := range map[string]string{
		"broker": "brokers", "Topics": "topics", "gruop": "group", "rebalance-timeout": "rebalance_timeout", "zebra": "", "": "",
	} {
		if got := config.Nearest(name, known); got != want && name != "" {
			t.Errorf("Nearest(%q): got %q, want %q", name, got, want)
		}
	}
}

func TestUnreadableFilesSayWhy(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	large := filepath.Join(dir, "large.yaml")
	if err := os.WriteFile(large, []byte(strings.Repeat("#", 1<<20+1)), 0o600); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		filepath.Join(dir, "none.yaml"): "no such file or directory; give the path of a pipeline file",
		dir:                             "is a directory; give the path of a pipeline file",
		large:                           "is larger than 1048576 bytes",
	} {
		_, err := config.Load(path, parts())
		if err == nil || err.Error() != path+": "+want {
			t.Errorf("got %v, want %s: %s", err, path, want)
		}
	}
}

func TestWhatIsInForceIsAFileThatMeansTheSame(t *testing.T) {
	t.Parallel()
	text := base + "order: partition\nmemory: 64MiB\ndrain: 20s\nname: n\nlog: {level: debug, format: json}\nadmin: {listen: 'off'}\nfailure: {attempts: 2, dead_letter: {kafka: {topic: dead}, timeout: 2s}}\n"
	f, err := parse(text, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	again, err := parse(f.YAML(), nil, nil)
	if err != nil {
		t.Fatalf("%v in\n%s", err, f.YAML())
	}
	if diff := cmp.Diff(f.Consumer, again.Consumer); diff != "" {
		t.Errorf("consumer differs (-first +again):\n%s", diff)
	}
	if diff := cmp.Diff(f.YAML(), again.YAML()); diff != "" {
		t.Errorf("file differs (-first +again):\n%s", diff)
	}
}

func TestWarningsNameWhatIsAllowedAndNotMeant(t *testing.T) {
	t.Parallel()
	text := `kafka: {brokers: [a:1], group: g, topics: [t], sasl: {mechanism: plain, username: u,
  password: S3NTINEL}}
sink: {kafka: {topic: t}}
admin: {listen: "0.0.0.0:9644"}
`
	f, err := parse(text, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, w := range f.Warnings() {
		got = append(got, w.Path)
		if strings.Contains(w.String(), "S3NTINEL") {
			t.Errorf("a warning shows a secret: %s", w)
		}
	}
	want := []string{"failure.dead_letter", "admin.listen", "sink.kafka.topic", "kafka.sasl.password"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}

func TestDeadLettersOfAnotherClusterAreNoCircle(t *testing.T) {
	t.Parallel()
	text := base + "failure: {dead_letter: {kafka: {topic: file, brokers: [other:1]}}}\n"
	f, err := parse(text, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Topics(); len(got) > 0 {
		t.Errorf("got topics %v of this cluster, want none", got)
	}
}

// Whatever the bytes, there is a file or there are problems; a file that was
// taken is taken again as it is printed.
func FuzzParse(f *testing.F) {
	files, err := filepath.Glob("testdata/broken/*.yaml")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range files {
		text, err := os.ReadFile(path) //nolint:gosec // a file of the test
		if err != nil {
			f.Fatal(err)
		}
		f.Add(text)
	}
	f.Add([]byte(base))
	f.Fuzz(func(t *testing.T, text []byte) {
		file, err := config.Parse("p.yaml", text, parts(), config.WithEnviron(nil))
		switch {
		case err == nil && file == nil:
			t.Error("neither a file nor problems")
		case err == nil:
			printed := file.YAML()
			again, err := config.Parse("p.yaml", []byte(printed), parts(), config.WithEnviron(nil))
			if err != nil {
				t.Fatalf("what is in force is refused: %v in\n%s", err, printed)
			}
			if got := again.YAML(); got != printed {
				t.Fatalf("what is in force differs (-first +again):\n%s", cmp.Diff(printed, got))
			}
		case err.Error() == "":
			t.Error("problems without a text")
		}
	})
}
