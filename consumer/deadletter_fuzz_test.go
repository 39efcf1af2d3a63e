package consumer

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"
)

// FuzzDeadLetterHeaders makes a dead letter of a record that an attacker wrote,
// with an error that quotes it. The record is there with its own headers first,
// byte for byte; behind them the last header of each of our names is ours,
// whatever the record's own say; and nothing of it is the record's memory.
func FuzzDeadLetterHeaders(f *testing.F) {
	f.Add([]byte("k"), []byte("v"), "trace", []byte("1"), "boom", int64(42), int64(1_700_000_000_000), false)
	f.Add([]byte(nil), []byte(nil), HeaderOffset, []byte("7"), strings.Repeat("é", maxErrorText), int64(0), int64(0), true)
	f.Add([]byte(""), []byte("\x00\xff"), "", []byte(nil), "\xff\xfe", int64(1)<<62, int64(-1), false)
	f.Fuzz(func(t *testing.T, key, value []byte, name string, header []byte, text string, offset, millis int64, panicked bool) {
		at := time.UnixMilli(millis % (1 << 47)) // years that RFC 3339 can write
		rec := &kgo.Record{Key: key, Value: value, Offset: offset, Timestamp: at, Headers: []kgo.RecordHeader{{Key: name, Value: header}, {Key: name}}}
		why := verdictOf{step: "handler", err: errors.New(text), attempts: 3}
		if panicked {
			why.err = &PanicError{Value: text, Stack: []byte(text)}
		}
		wantKey, wantValue, wantHeader := bytes.Clone(key), bytes.Clone(value), bytes.Clone(header)
		m := deadMessage(&partition{tp: tp{"in", 5}}, rec, why)
		for _, b := range [][]byte{key, value, header} { // the fetch's memory is used again
			clear(b)
		}
		if !bytes.Equal(m.Key, wantKey) || (m.Key == nil) != (key == nil) || !bytes.Equal(m.Value, wantValue) || (m.Value == nil) != (value == nil) {
			t.Fatalf("%q=%q became %q=%q", wantKey, wantValue, m.Key, m.Value)
		}
		if m.Headers[0].Key != name || !bytes.Equal(m.Headers[0].Value, wantHeader) || m.Headers[1].Key != name {
			t.Fatalf("its header %q=%q became %v", name, wantHeader, m.Headers[:2])
		}
		ours := map[string]string{}
		for _, h := range m.Headers[2:] {
			if _, twice := ours[h.Key]; twice {
				t.Fatalf("%s stands there twice", h.Key)
			}
			ours[h.Key] = string(h.Value)
		}
		checkOrigin(t, ours, offset, at)
		checkText(t, ours[HeaderError], why.err.Error(), maxErrorText)
		if stack, ok := ours[HeaderStack]; ok != panicked {
			t.Fatalf("stack %q, panicked %t", stack, panicked)
		}
		checkText(t, ours[HeaderStack], map[bool]string{true: text}[panicked], maxStackText)
	})
}

// checkOrigin reads back where a dead letter came from.
func checkOrigin(t *testing.T, ours map[string]string, offset int64, at time.Time) {
	t.Helper()
	for name, want := range map[string]string{
		HeaderTopic: "in", HeaderPartition: "5", HeaderOffset: strconv.FormatInt(offset, 10), HeaderStep: "handler", HeaderAttempts: "3",
	} {
		if ours[name] != want {
			t.Fatalf("%s is %q, want %q", name, ours[name], want)
		}
	}
	if got, err := time.Parse(time.RFC3339Nano, ours[HeaderTimestamp]); at.Year() >= 0 && at.Year() <= 9999 && (err != nil || !got.Equal(at)) {
		t.Fatalf("%s is %q, want %s", HeaderTimestamp, ours[HeaderTimestamp], at)
	}
}

// checkText demands as much of a text as fits, and no half of a character.
func checkText(t *testing.T, got, whole string, most int) {
	t.Helper()
	if len(got) > most || !strings.HasPrefix(whole, got) || len(got) < min(len(whole), most-utf8.UTFMax+1) {
		t.Fatalf("%d bytes are left of %d, want at most %d", len(got), len(whole), most)
	}
	if utf8.ValidString(whole) && !utf8.ValidString(got) {
		t.Fatalf("a character is cut in two at %d", len(got))
	}
}
