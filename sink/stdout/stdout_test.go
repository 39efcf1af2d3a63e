package stdout_test

import (
	"bytes"
	"errors"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-kafka/weir/sink"
	"github.com/weir-kafka/weir/sink/sinktest"
	"github.com/weir-kafka/weir/sink/stdout"
)

// terminal is an output that can break.
type terminal struct {
	mu   sync.Mutex
	buf  bytes.Buffer
	down bool
}

func (o *terminal) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.down {
		return 0, errors.New("broken pipe")
	}
	return o.buf.Write(b)
}

func (o *terminal) setDown(down bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.down = down
}

func (o *terminal) lines() []string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return strings.Split(strings.TrimSuffix(o.buf.String(), "\n"), "\n")
}

func open(t *testing.T, format string) (*stdout.Sink, *terminal) {
	t.Helper()
	cfg, out := stdout.DefaultConfig(), new(terminal)
	cfg.Out = out
	if format != "" {
		cfg.Format = format
	}
	s, err := stdout.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return s, out
}

func TestConformance(t *testing.T) {
	sinktest.Run(t, func(t *testing.T) *sinktest.Subject {
		s, out := open(t, "")
		return &sinktest.Subject{Sink: s, Values: out.lines, Down: out.setDown, Bad: []byte("two\nlines")}
	})
}

func TestALineOfJSONKeepsEverything(t *testing.T) {
	s, out := open(t, "json")
	err := s.Write(t.Context(), []sink.Message{
		{Key: []byte("k"), Value: []byte("two\nlines <&>"), Headers: []sink.Header{{Key: "h", Value: []byte{0xff}}}, Source: sink.Position{Topic: "t", Partition: 1, Offset: 2}},
		{Source: sink.Position{Topic: "t", Offset: 3, Index: 1}},
	})
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		`{"topic":"t","partition":1,"offset":2,"key":"k","value":"two\nlines <&>","headers":[{"key":"h","value":null,"value_base64":"/w=="}]}`,
		`{"topic":"t","partition":0,"offset":3,"index":1,"key":null,"value":null}`,
	}
	if diff := cmp.Diff(want, out.lines()); diff != "" {
		t.Error(diff)
	}
}

func TestAnUnknownFormatIsRefused(t *testing.T) {
	if _, err := stdout.New(stdout.Config{Format: "xml"}); err == nil || !strings.Contains(err.Error(), `"xml" is not value or json`) {
		t.Error(err)
	}
}
