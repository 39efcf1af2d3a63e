package consumer_test

import (
	"testing"

	"github.com/weir-kafka/weir/consumer"
)

func TestARateIsReadStrictly(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]consumer.Rate{
		"500/s": {Count: 500}, "0.5/s": {Count: 0.5}, "4MiB/s": {Bytes: 4 << 20}, "100B/s": {Bytes: 100},
	} {
		var got consumer.Rate
		if err := got.UnmarshalText([]byte(text)); err != nil || got != want {
			t.Errorf("%q: got %+v, %v; want %+v", text, got, err, want)
		}
		if got.String() != text {
			t.Errorf("got %q, want %q", got, text)
		}
	}
	for _, text := range []string{"", "500", "/s", "0/s", "-1/s", "+1/s", "inf/s", "nan/s", "NaN/s", "1e10/s", "0x10/s", "4MB/s", "0B/s", "500/m", "5 /s", "1_0/s"} {
		var got consumer.Rate
		if err := got.UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q: got %+v, want an error", text, got)
		}
	}
}
