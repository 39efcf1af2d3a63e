//go:build synctests

package consumer_test

import (
	"bytes"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/weir-kafka/weir/consumer"
)

func TestWhyALimitMovedIsCountedAndLogged(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		p := l.to(nil)
		p.Sink.Sink = newSlowSink(l.ledger, 8, 20*time.Millisecond)
		l.produce(1, 10_000, 10_000)
		reg := prometheus.NewRegistry()
		var log bytes.Buffer
		debug := slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		m := l.run(l.config(), p, consumer.WithRegisterer(reg), consumer.WithLogger(debug))
		time.Sleep(20 * time.Second)
		m.mustEnd()
		families, err := reg.Gather()
		if err != nil {
			t.Fatal(err)
		}
		count := map[string]float64{} // of the default sink, by reason
		for _, f := range families {
			if f.GetName() == "weir_limit_decisions_total" {
				for _, c := range f.GetMetric() {
					if c.GetLabel()[1].GetValue() == "default" {
						count[c.GetLabel()[0].GetValue()] = c.GetCounter().GetValue()
					}
				}
			}
		}
		for _, reason := range []string{"doubling", "measuring"} {
			if count[reason] == 0 {
				t.Errorf("%q is not counted: %v", reason, count)
			}
			if want := `msg=limit sink=default`; !strings.Contains(log.String(), want) || !strings.Contains(log.String(), "reason="+reason) {
				t.Errorf("there is no line %s with reason=%s", want, reason)
			}
		}
	})
}
