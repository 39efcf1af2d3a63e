package line_test

import (
	"bytes"
	"encoding/json"
	"testing"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/sink"
	"github.com/weir-kafka/weir/sink/internal/line"
)

func FuzzAMessageIsOneLineOrRejected(f *testing.F) {
	f.Add([]byte("k"), []byte("two\nlines\u2028<&>"), []byte{0xff}, "topic")
	f.Add([]byte(nil), []byte(nil), []byte("\r\n"), "\xff")
	f.Fuzz(func(t *testing.T, key, value, header []byte, topic string) {
		m := &sink.Message{Key: key, Value: value, Headers: []sink.Header{{Key: topic, Value: header}}, Source: sink.Position{Topic: topic}}
		before := []byte("before\n")
		for _, format := range []line.Format{line.Value, line.JSON} {
			b, err := format.Append(bytes.Clone(before), m)
			if err != nil {
				if flow.Classify(err) != flow.Reject || !bytes.Equal(b, before) || !bytes.Contains(value, []byte("\n")) {
					t.Errorf("%s: %v, left %q", format, err, b)
				}
				continue
			}
			text, ok := bytes.CutPrefix(b, before)
			if !ok || bytes.Count(text, []byte("\n")) != 1 || text[len(text)-1] != '\n' {
				t.Errorf("%s: %q is not one line", format, text)
			}
			if format == line.JSON && !json.Valid(text) {
				t.Errorf("%q is not JSON", text)
			}
		}
	})
}
