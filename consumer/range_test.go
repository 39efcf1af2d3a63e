//go:build synctests

package consumer_test

import (
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weir-kafka/weir/consumer"
)

// counter returns the value of a counter or gauge that has no labels, -1 for none.
func counter(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == name {
			return f.GetMetric()[0].GetCounter().GetValue()
		}
	}
	return -1
}

func TestAnOffsetThatIsFalselyOutOfRangeRepeatsNothing(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 100, 10)
		l.commitAs(0, 40, "")
		reg := prometheus.NewRegistry()
		lie := func() {
			h := l.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.OffsetOutOfRange, Count: 3})
			defer h.Remove()
			l.until(time.Minute, "the lie told", func() bool { return h.Hits() >= 3 })
		}
		m := l.run(l.config(), l.to(nil), consumer.WithRegisterer(reg))
		lie()
		l.until(time.Minute, "the rest delivered", func() bool { return l.ledger.distinct() == 60 })
		lie()
		time.Sleep(5 * time.Second)
		if got := m.Explain().Partitions[0].Reasons; len(got) > 0 {
			t.Errorf("reasons %q once it goes on, want none", got)
		}
		l.produce(1, 100, 10)
		l.until(time.Minute, "what is new delivered", func() bool { return l.ledger.distinct() == 160 })
		m.mustEnd()
		if got := l.ledger.duplicates(); got != 0 {
			t.Errorf("%d records repeated, want 0", got)
		}
		if resets, missing := counter(t, reg, "weir_partition_resets_total"), counter(t, reg, "weir_partition_missing_offsets_total"); resets != 0 || missing != 0 {
			t.Errorf("%g resets and %g missing offsets, want none", resets, missing)
		}
	})
}

func TestRecordsDeletedBeforeTheyWereReadAreCounted(t *testing.T) {
	for name, produced := range map[string]int{"some are left": 100, "none are left": 70} {
		t.Run(name, func(t *testing.T) {
			inLab(t, 1, func(l *lab) {
				l.produce(1, produced, 10)
				l.commitAs(0, 40, "")
				to := kadm.Offsets{}
				to.Add(kadm.Offset{Topic: topic, Partition: 0, At: 70})
				if _, err := kadm.NewClient(l.client).DeleteRecords(l.Context(), to); err != nil {
					t.Fatal(err)
				}
				reg := prometheus.NewRegistry()
				m := l.run(l.config(), l.to(nil), consumer.WithRegisterer(reg))
				l.until(time.Minute, "all committed", func() bool { return l.committed(0) == int64(produced) })
				if got := l.ledger.distinct(); got != produced-70 {
					t.Errorf("%d delivered, want %d", got, produced-70)
				}
				if got := counter(t, reg, "weir_partition_missing_offsets_total"); got != 30 {
					t.Errorf("%g missing offsets, want 30", got)
				}
				l.until(time.Minute, "no lag", func() bool { return m.Explain().Partitions[0].Lag == 0 })
				m.mustEnd()
			})
		})
	}
}

func TestAnOffsetBeyondTheEndIsNotAnotherLogAtOnce(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 100, 10)
		l.commitAs(0, 140, "")
		m := l.run(l.config(), l.to(nil))
		time.Sleep(20 * time.Second)
		if got := l.ledger.distinct(); got != 0 {
			t.Errorf("%d delivered within 20 s, want none: the leader may be behind", got)
		}
		l.until(time.Minute, "all delivered", func() bool { return l.ledger.distinct() == 100 })
		l.until(time.Minute, "committed", func() bool { return l.committed(0) == 100 })
		m.mustEnd()
	})
}
