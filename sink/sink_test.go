package sink_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/sink"
)

func TestNoOutputShowsASecret(t *testing.T) {
	s := sink.Secret("hunter2")
	in := struct{ S map[string]sink.Secret }{map[string]sink.Secret{"k": s}}
	var out bytes.Buffer
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "%d", "%t", "%e", "%20v"} {
		fmt.Fprintf(&out, verb+verb+verb, s, in, &in)
	}
	_ = json.NewEncoder(&out).Encode(in)
	for _, h := range []slog.Handler{slog.NewTextHandler(&out, nil), slog.NewJSONHandler(&out, nil)} {
		slog.New(h).Info("m", "s", s, "in", in)
	}
	if text := out.String(); strings.Contains(text, "hunter2") || strings.Contains(strings.ToLower(text), "68756e74657232") {
		t.Errorf("a secret is shown: %s", text)
	}
	if s.Reveal() != "hunter2" || sink.Secret("").String() != "" {
		t.Error("a secret can not be told from none")
	}
}

func TestABatchErrorIsNilUntilSomethingFailed(t *testing.T) {
	var be sink.BatchError
	be.Add(3, nil)
	if err := be.Err(); err != nil {
		t.Errorf("got %v, want nil", err)
	}
	if err := (*sink.BatchError)(nil).Err(); err != nil {
		t.Errorf("got %v, want nil", err)
	}
	be.Add(3, flow.Permanent(io.EOF))
	be.Add(5, sink.ErrBehindFailed)
	err := fmt.Errorf("wrapped: %w", be.Err())
	got, ok := sink.AsBatchError(err)
	if !ok || len(got.Failed()) != 2 || got.Failed()[1].Index != 5 {
		t.Errorf("got %v, want both failures", got)
	}
	if !errors.Is(err, io.EOF) || !errors.Is(err, sink.ErrBehindFailed) || flow.Classify(err) != flow.Reject {
		t.Errorf("%v hides its reasons", err)
	}
	if flow.Classify(sink.ErrBehindFailed) != flow.Retry {
		t.Error("a message held back is not retried")
	}
}

func TestAPositionIsUniqueAndItsSizeIsOfAllParts(t *testing.T) {
	p := sink.Position{Topic: "a/b", Partition: 1, Offset: 2, Index: 3}
	if got, want := p.String(), "a/b/1/2/3"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	m := sink.Message{Key: []byte("12"), Value: []byte("345"), Headers: []sink.Header{{Key: "6", Value: []byte("78")}, {Key: "9"}}}
	if got, want := m.Size(), 9; got != want {
		t.Errorf("got %d, want %d", got, want)
	}
}
