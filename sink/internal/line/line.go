// Package line writes messages as lines of text.
package line

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"syscall"
	"time"
	"unicode/utf8"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/sink"
)

// Format is how a message becomes a line.
type Format string

// The formats.
const (
	Value Format = "value" // the value as it is; a newline in it is refused
	JSON  Format = "json"  // an object with position, key, value and headers
)

// Check refuses a format that does not exist.
func (f Format) Check() error {
	if f == Value || f == JSON {
		return nil
	}
	return fmt.Errorf("format: %q is not value or json", f)
}

var errNewline = errors.New("the value holds a newline, which would make it two lines; use format json")

// record is the object of format json. Bytes that are not UTF-8 stand in base64
// under another name, so a reader always knows which it has.
type record struct {
	Topic     string   `json:"topic"`
	Partition int32    `json:"partition"`
	Offset    int64    `json:"offset"`
	Index     int32    `json:"index,omitempty"`
	Key       *string  `json:"key"`
	KeyB64    []byte   `json:"key_base64,omitempty"`
	Value     *string  `json:"value"`
	ValueB64  []byte   `json:"value_base64,omitempty"`
	Headers   []header `json:"headers,omitempty"`
}

type header struct {
	Key      string  `json:"key"`
	Value    *string `json:"value"`
	ValueB64 []byte  `json:"value_base64,omitempty"`
}

// Append adds the line of m, with its newline, to b.
func (f Format) Append(b []byte, m *sink.Message) ([]byte, error) {
	if f == Value {
		if bytes.IndexByte(m.Value, '\n') >= 0 {
			return b, flow.Permanent(errNewline)
		}
		return append(append(b, m.Value...), '\n'), nil
	}
	r := record{Topic: m.Source.Topic, Partition: m.Source.Partition, Offset: m.Source.Offset, Index: m.Source.Index}
	r.Key, r.KeyB64 = text(m.Key)
	r.Value, r.ValueB64 = text(m.Value)
	for _, h := range m.Headers {
		v, b64 := text(h.Value)
		r.Headers = append(r.Headers, header{h.Key, v, b64})
	}
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(r); err != nil {
		return b, flow.Permanent(err)
	}
	return append(b, buf.Bytes()...), nil
}

func text(b []byte) (s *string, b64 []byte) {
	switch {
	case b == nil:
		return nil, nil
	case utf8.Valid(b):
		t := string(b)
		return &t, nil
	}
	return nil, b
}

// Batch adds the lines of a batch, one each, to b. A message that has no line
// fails all of them before anything was delivered: who it is, is found by writing
// less, and nothing overtakes it.
func (f Format) Batch(b []byte, batch []sink.Message) ([]byte, error) {
	var err error
	for i := range batch {
		if b, err = f.Append(b, &batch[i]); err != nil {
			return b, err
		}
	}
	return b, nil
}

// Limits keeps what a batch needs as text in memory small.
func Limits() sink.Limits { return sink.Limits{Messages: 10_000, Bytes: 4 << 20} }

// Verdict says what a failed write means: a full disk is a sink without room.
func Verdict(err error) error {
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		return flow.Overloaded(err, time.Second)
	}
	return err
}
