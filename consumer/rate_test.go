package consumer_test

import (
	"math"
	"strings"
	"testing"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/sink/sinktest"
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

func TestARateThatIsNoneIsRefusedWithTheMend(t *testing.T) {
	t.Parallel()
	for mend, r := range map[string]consumer.Rate{
		"rate sets both a count and bytes a second; keep one": {Count: 500, Bytes: 1 << 20},
		"set it between 1e-06 and 1e+09":                      {Count: -1},
		"has a count of NaN":                                  {Count: math.NaN()},
		"set at least 1, or 0 for no bound":                   {Bytes: -1},
	} {
		cfg := consumer.DefaultConfig()
		cfg.Kafka.Brokers, cfg.Kafka.Group, cfg.Kafka.Topics = []string{"localhost:9092"}, "g", []string{"t"}
		p := consumer.Pipeline{Sink: consumer.Output{Sink: &sinktest.Memory{}}}
		if _, err := consumer.New(cfg, p); err != nil {
			t.Fatal(err)
		}
		p.Sink.Rate = r
		if _, err := consumer.New(cfg, p); err == nil || !strings.Contains(err.Error(), mend) {
			t.Errorf("%+v: got %v, want an error that says %q", r, err, mend)
		}
		p.Sink.Rate, cfg.Tenant.Key, cfg.Tenant.Rate = consumer.Rate{}, true, r
		if _, err := consumer.New(cfg, p); err == nil || !strings.Contains(err.Error(), "tenant.rate") {
			t.Errorf("tenant %+v: got %v, want an error about tenant.rate", r, err)
		}
	}
}
