package config_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-kafka/weir/config"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/handlers/filter"
	"github.com/weir-kafka/weir/sink"
	"github.com/weir-kafka/weir/sink/http"
	"github.com/weir-kafka/weir/sink/kafka"
	"github.com/weir-kafka/weir/sink/stdout"
)

func parts() config.Parts {
	return config.Parts{
		Handlers: map[string]config.HandlerPart{
			"filter": config.Handler("", filter.Config{}, func(c filter.Config, _ config.Env) (handlers.Middleware, error) { return filter.New(c) }),
		},
		Sinks: map[string]config.SinkPart{
			"stdout": config.Sink("", stdout.DefaultConfig(), func(c stdout.Config, _ config.Env) (sink.Sink, error) { return stdout.New(c) }),
			"http":   config.Sink("", http.DefaultConfig(), func(c http.Config, _ config.Env) (sink.Sink, error) { return http.New(c) }),
			"kafka":  config.Sink("", kafka.DefaultConfig(), func(c kafka.Config, _ config.Env) (sink.Sink, error) { return kafka.New(c) }),
		},
	}
}

const base = `kafka:
  brokers: [file:1]
  group: file
  topics: [file]
handlers:
  - filter: {expression: .file}
sink:
  stdout: {}
sinks:
  aux:
    stdout: {}
`

func parse(text string, env []string, set map[string]string) (*config.File, error) {
	return config.Parse("p.yaml", []byte(text), parts(), config.WithEnviron(env), config.WithOverrides(set))
}

func TestFlagsGoBeforeEnvironmentAndEnvironmentBeforeFile(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		env  []string
		set  map[string]string
		want string
	}{
		{"file", nil, nil, "file"},
		{"environment", []string{"WEIR_KAFKA_GROUP=env"}, nil, "env"},
		{"flag", nil, map[string]string{"kafka.group": "flag"}, "flag"},
		{"both", []string{"WEIR_KAFKA_GROUP=env"}, map[string]string{"kafka.group": "flag"}, "flag"},
	} {
		f, err := parse(base, tt.env, tt.set)
		if err != nil {
			t.Errorf("%s: %v", tt.name, err)
			continue
		}
		if got := f.Consumer.Kafka.Group; got != tt.want {
			t.Errorf("%s: got group %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestListsAreWrittenWithCommas(t *testing.T) {
	t.Parallel()
	f, err := parse(base, []string{"WEIR_KAFKA_BROKERS=a:1, b:2 ,c:3"}, map[string]string{"kafka.topics": "x,y"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"a:1", "b:2", "c:3"}, f.Consumer.Kafka.Brokers); diff != "" {
		t.Errorf("brokers (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"x", "y"}, f.Consumer.Kafka.Topics); diff != "" {
		t.Errorf("topics (-want +got):\n%s", diff)
	}
}

func TestEmptyTextIsAnEmptyList(t *testing.T) {
	t.Parallel()
	_, err := parse(base, []string{"WEIR_KAFKA_TOPICS="}, nil)
	want := "WEIR_KAFKA_TOPICS: kafka.topics: is missing; name topics, or a pattern"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

func TestSettingsOfHandlersAndNamedSinksCanBeOverridden(t *testing.T) {
	t.Parallel()
	f, err := parse(base, []string{"WEIR_HANDLERS_0_FILTER_EXPRESSION=.env"}, map[string]string{"sinks.aux.limit.max": "3", "sinks.aux.stdout.format": "json"})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"expression: .env", "max: 3", "format: json"} {
		if !strings.Contains(f.YAML(), want) {
			t.Errorf("%q is not in force:\n%s", want, f.YAML())
		}
	}
}

// An anchor is a text that stands twice: setting one place leaves the other.
func TestOverrideBelowAnAliasLeavesTheAnchorAlone(t *testing.T) {
	t.Parallel()
	text := strings.Replace(base, "sink:\n  stdout: {}\n", "sink: &s\n  stdout: {}\nfailure: {dead_letter: *s}\n", 1)
	f, err := parse(text, nil, map[string]string{"failure.dead_letter.timeout": "3s"})
	if err != nil {
		t.Fatal(err)
	}
	p, err := f.Pipeline(nil)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := p.DeadLetter.Timeout.String(), "3s"; got != want {
		t.Errorf("got dead-letter timeout %s, want %s", got, want)
	}
	if got, want := p.Sink.Timeout.String(), "5s"; got != want {
		t.Errorf("got sink timeout %s, want %s", got, want)
	}
}

func TestUnknownVariablesOfASectionAreRefused(t *testing.T) {
	t.Parallel()
	for name, mend := range map[string]string{
		"WEIR_KAFKA_BROKER":         "did you mean WEIR_KAFKA_BROKERS?",
		"WEIR_MEMROY":               "did you mean WEIR_MEMORY?",
		"WEIR_SINK_HTTP_URL":        "see weir docs config",
		"WEIR_HANDLERS":             "see weir docs config",
		"WEIR_KAFKA_SERVICE_HOST":   "",
		"WEIR_KAFKA_PORT_9092_TCP":  "",
		"WEIR_PORT_9092_TCP_ADDR":   "",
		"WEIR_SERVICE_PORT_METRICS": "",
		"WEIR_VERSION":              "",
		"KAFKA_GROUP":               "",
	} {
		_, err := parse(base, []string{name + "=x"}, nil)
		switch {
		case mend == "" && err != nil:
			t.Errorf("%s is refused: %v", name, err)
		case mend != "" && err == nil:
			t.Errorf("%s is passed over", name)
		case mend != "" && (!strings.Contains(err.Error(), name) || !strings.Contains(err.Error(), mend)):
			t.Errorf("%s: got %v, want its name and %q", name, err, mend)
		}
	}
}

func TestVariableThatTheFileNamesIsItsOwn(t *testing.T) {
	t.Parallel()
	text := strings.Replace(base, "group: file", "group: ${WEIR_KAFKA_GRUOP}", 1)
	f, err := parse(text, []string{"WEIR_KAFKA_GRUOP=mine"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := f.Consumer.Kafka.Group; got != "mine" {
		t.Errorf("got group %q, want mine", got)
	}
}

func TestUnknownOverrideNamesTheNearestKey(t *testing.T) {
	t.Parallel()
	_, err := parse(base, nil, map[string]string{"kafka.grop": "x", "handlers[3].filter.expression": "y", "zzzzzzzzzzzzzzzzzzzzzzzz": "1"})
	if err == nil {
		t.Fatal("three unknown keys are taken")
	}
	got := strings.Split(err.Error(), "\n")
	slices.Sort(got)
	want := []string{
		"--set: handlers[3].filter.expression: is not a known key; did you mean handlers[0].filter.expression?",
		"--set: kafka.grop: is not a known key; did you mean kafka.group?",
		"--set: zzzzzzzzzzzzzzzzzzzzzzzz: is not a known key; see weir docs config",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestProblemOfALayerNamesTheLayer(t *testing.T) {
	t.Parallel()
	_, err := parse(base, []string{"WEIR_DRAIN=5"}, map[string]string{"memory": "lots"})
	if err == nil {
		t.Fatal("two wrong units are taken")
	}
	for _, want := range []string{`WEIR_DRAIN: drain: "5" is not a duration`, `--set: memory: "lots" is not a size`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
