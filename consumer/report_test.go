//go:build synctests

package consumer_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weir-kafka/weir/consumer"
)

func TestAFetchThatIsRefusedShowsAsTheReason(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		m := l.run(l.config(), l.to(nil))
		l.until(time.Minute, "assigned", func() bool { return len(m.Explain().Partitions) == 1 })
		denied := l.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Fetch}, Err: kerr.TopicAuthorizationFailed, Count: -1})
		shown := func() bool {
			return slices.ContainsFunc(m.Explain().Partitions[0].Reasons, func(r string) bool { return strings.Contains(r, "TOPIC_AUTHORIZATION_FAILED") })
		}
		l.until(time.Minute, "the reason shown", shown)
		hits := denied.Hits()
		time.Sleep(10 * time.Second)
		if got := denied.Hits() - hits; got > 110 {
			t.Errorf("asked %d times in 10 s, want at most 110", got)
		}
		denied.Remove()
		l.produce(1, 10, 10)
		l.until(time.Minute, "delivered", func() bool { return l.ledger.distinct() == 10 })
		if shown() {
			t.Error("the reason is still shown while records flow")
		}
		m.mustEnd()
	})
}

func TestRecordsDoneBeyondACommitWithoutAMapCountAsDuplicates(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 200, 200)
		refused := l.cluster.Fault(kfake.Fault{
			Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.OffsetMetadataTooLarge, Count: -1,
			When: func(r kmsg.Request) bool {
				md := r.(*kmsg.OffsetCommitRequest).Topics[0].Partitions[0].Metadata
				return md != nil && *md != ""
			},
		})
		defer refused.Remove()
		release := make(chan struct{})
		cfg := l.config()
		cfg.Order = consumer.OrderNone
		l.ledger.unordered = true
		m := l.run(cfg, l.to(stuck(0, 57, release)))
		l.until(time.Minute, "committed without the map", func() bool { return l.committed(0) == 57 && l.ledger.distinct() == 199 })
		time.Sleep(5 * time.Second)
		if got := m.Explain().Partitions[0].DuplicatesIfKilled; got < 143 {
			t.Errorf("%d duplicates if killed, want the 143 records from 57 on", got)
		}
		close(release)
		l.until(time.Minute, "committed", func() bool { return l.committed(0) == 200 })
		m.mustEnd()
	})
}

func TestWhileNothingIsCommittedNoOffsetIsReported(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 10, 1)
		fault := l.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: kerr.CoordinatorLoadInProgress, Count: -1})
		m := l.run(l.config(), l.to(nil))
		l.until(time.Minute, "delivered", func() bool { return l.ledger.distinct() == 10 })
		if r := m.Explain().Partitions[0]; r.Committed != -1 || r.Lag != -1 {
			t.Errorf("committed %d, lag %d, want -1 of both", r.Committed, r.Lag)
		}
		fault.Remove()
		l.until(time.Minute, "committed", func() bool { return m.Explain().Partitions[0].Committed == 10 })
		m.mustEnd()
	})
}

func TestAnUnknownLagIsNotReported(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		reg := prometheus.NewRegistry()
		m := l.run(l.config(), l.to(nil), consumer.WithRegisterer(reg))
		l.until(time.Minute, "assigned", func() bool { return len(m.Explain().Partitions) == 1 })
		lag := func() (vs []float64) {
			families, err := reg.Gather()
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range families {
				if f.GetName() == "weir_partition_lag_records" {
					for _, k := range f.GetMetric() {
						vs = append(vs, k.GetGauge().GetValue())
					}
				}
			}
			return vs
		}
		if got := lag(); len(got) != 0 {
			t.Errorf("lag %v before anything is known, want none", got)
		}
		l.produce(1, 10, 10)
		l.until(time.Minute, "lag 0", func() bool { return slices.Equal(lag(), []float64{0}) })
		m.mustEnd()
	})
}
