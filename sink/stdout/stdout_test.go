package stdout_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/sink"
	"github.com/weir-kafka/weir/sink/sinktest"
	"github.com/weir-kafka/weir/sink/stdout"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// terminal is an output that can break, and one whose reader can stop.
type terminal struct {
	mu     sync.Mutex
	buf    bytes.Buffer
	down   bool
	silent chan struct{}
}

func (o *terminal) Write(b []byte) (int, error) {
	o.mu.Lock()
	silent := o.silent
	o.mu.Unlock()
	if silent != nil {
		<-silent
	}
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

func (o *terminal) setSilent(on bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if on {
		o.silent = make(chan struct{})
		return
	}
	close(o.silent)
	o.silent = nil
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
		return &sinktest.Subject{Sink: s, Values: out.lines, Down: out.setDown, Silent: out.setSilent, Bad: []byte("two\nlines")}
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

// room is an output that takes so many bytes and then fails, as a disk that is full.
type room struct {
	buf  bytes.Buffer
	left int
}

func (r *room) Write(b []byte) (int, error) {
	n := min(r.left, len(b))
	r.left -= n
	r.buf.Write(b[:n])
	if n < len(b) {
		return n, syscall.ENOSPC
	}
	return n, nil
}

func values(vs ...string) (batch []sink.Message) {
	for _, v := range vs {
		batch = append(batch, sink.Message{Value: []byte(v)})
	}
	return batch
}

func TestOfAPrintThatBreaksOffTheRestIsPrintedAgain(t *testing.T) {
	for left, want := range map[int]string{
		0: "one\ntwo\nthree\n", 2: "on\none\ntwo\nthree\n", 3: "one\none\ntwo\nthree\n", 4: "one\ntwo\nthree\n",
		6: "one\ntw\ntwo\nthree\n", 13: "one\ntwo\nthree\nthree\n",
	} {
		out := &room{left: left}
		s, err := stdout.New(stdout.Config{Format: "value", Out: out})
		if err != nil {
			t.Fatal(err)
		}
		batch := values("one", "two", "three")
		err = s.Write(t.Context(), batch)
		if flow.Classify(err) != flow.Overload {
			t.Errorf("room for %d: %v is %s, want overload", left, err, flow.Classify(err))
		}
		if be, ok := sink.AsBatchError(err); ok {
			batch = batch[be.Failed()[0].Index:]
		}
		out.left = 1000
		if err := s.Write(t.Context(), batch); err != nil {
			t.Fatal(err)
		}
		if got := out.buf.String(); got != want {
			t.Errorf("room for %d: printed %q, want %q", left, got, want)
		}
	}
}

func TestAPipeThatNobodyReadsIsAnError(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	s, err := stdout.New(stdout.Config{Format: "value", Out: w})
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Write(t.Context(), values("one")); !errors.Is(err, syscall.EPIPE) || flow.Classify(err) != flow.Retry {
		t.Errorf("got %v (%s), want a broken pipe and retry", err, flow.Classify(err))
	}
}

func TestABatchWithAMessageThatHasNoLinePrintsNothing(t *testing.T) {
	s, out := open(t, "value")
	if err := s.Write(t.Context(), values("one", "two\nlines")); flow.Classify(err) != flow.Reject {
		t.Errorf("%v is %s, want reject", err, flow.Classify(err))
	}
	if got := out.lines(); len(got) != 1 || got[0] != "" {
		t.Errorf("printed %q", got)
	}
}

func TestAnUnknownFormatIsRefused(t *testing.T) {
	if _, err := stdout.New(stdout.Config{Format: "xml"}); err == nil || !strings.Contains(err.Error(), `"xml" is not value or json`) {
		t.Error(err)
	}
}
