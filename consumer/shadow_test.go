//go:build synctests

package consumer_test

import (
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weir-kafka/weir/consumer"
)

func TestAShadowSaysWhatTheAdaptiveLimiterWouldDo(t *testing.T) {
	const fixed = 40
	inLab(t, 1, func(l *lab) {
		p := l.to(nil)
		p.Sink.Sink = newSlowSink(l.ledger, 4, 20*time.Millisecond) // 40 calls wait for ten times as long as four
		p.Sink.Limit = consumer.LimitConfig{Fixed: fixed, Shadow: true}
		reg := prometheus.NewRegistry()
		l.produce(1, 20_000, 20_000)
		m := l.run(l.config(), p, consumer.WithRegisterer(reg))
		less, mean, n := 0, 0, 0
		for range 60 {
			time.Sleep(time.Second)
			s := m.Explain().Sinks[0]
			if s.Limit > fixed || s.InFlight > fixed {
				t.Fatalf("limit %d, %d in flight; want %d at most", s.Limit, s.InFlight, fixed)
			}
			if s.Shadow > 0 && s.Shadow < fixed {
				less++
			}
			mean, n = mean+s.Limit, n+1
		}
		if less < 40 || mean < fixed*8/10*n {
			t.Errorf("the advice was less %d times of %d, the limit %d in the mean; want less nearly always, and about %d", less, n, mean/n, fixed)
		}
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		var sinks []string
		for _, f := range families {
			if f.GetName() == "weir_limit_shadow_calls" {
				for _, s := range f.GetMetric() {
					sinks = append(sinks, s.GetLabel()[0].GetValue())
				}
			}
		}
		if got := strings.Join(sinks, " "); got != "default" {
			t.Errorf("weir_limit_shadow_calls is of %q, want the one sink that has a shadow", got)
		}
		m.mustEnd()
	})
}

func TestAShadowNeedsAFixedLimit(t *testing.T) {
	t.Parallel()
	cfg := consumer.DefaultConfig()
	cfg.Kafka.Brokers, cfg.Kafka.Group, cfg.Kafka.Topics = []string{"127.0.0.1:1"}, "g", []string{"t"}
	p := consumer.Pipeline{Sink: consumer.Output{Sink: newLedger(), SinkConfig: consumer.SinkConfig{Limit: consumer.LimitConfig{Shadow: true}}}}
	if _, err := consumer.New(cfg, p); err == nil || !strings.Contains(err.Error(), "limit.shadow") {
		t.Errorf("got %v, want that limit.fixed is missing", err)
	}
}
