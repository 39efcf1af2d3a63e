//go:build synctests

package consumer_test

import (
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/consumer"
)

// known is how long a lag may be unknown or behind where no record is fetched.
const known = 2 * time.Second

func TestTheLagIsKnownWithoutARecord(t *testing.T) {
	inLab(t, 2, func(l *lab) {
		l.produce(1, 100, 10)
		l.commitAs(0, 100, "")
		m := l.run(l.config(), l.to(nil))
		l.until(time.Minute, "assigned", func() bool { return len(m.Explain().Partitions) == 2 })
		time.Sleep(known)
		for _, p := range m.Explain().Partitions {
			if p.Lag != 0 {
				t.Errorf("lag %d of partition %d, want 0", p.Lag, p.Partition)
			}
		}
		m.mustEnd()
	})
}

func TestTheLagOfAPausedPartitionGrows(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		value := make([]byte, 100<<10)
		write := func(n int) {
			for range n {
				l.write(&kgo.Record{Topic: topic, Partition: 0, Key: []byte("k"), Value: value})
			}
		}
		write(400)
		cfg := l.config()
		cfg.Memory = 16 << 20
		release := make(chan struct{})
		m := l.run(cfg, l.to(allStuck(release)))
		l.until(time.Minute, "fetching stopped", func() bool { return m.Explain().State != consumer.StateOpen })
		time.Sleep(known)
		write(50)
		time.Sleep(known)
		if r := m.Explain().Partitions[0]; r.Lag != 450 {
			t.Errorf("lag %d in state %s, want 450", r.Lag, r.State)
		}
		close(release)
		l.until(time.Minute, "no lag", func() bool { return m.Explain().Partitions[0].Lag == 0 })
		m.mustEnd()
	})
}

func TestAPartitionThatIsGivenAwayVanishesFromTheReport(t *testing.T) {
	inLab(t, 2, func(l *lab) {
		l.produce(2, 100, 10)
		a := l.run(l.config(), l.to(nil))
		l.until(time.Minute, "all to one", func() bool { return len(a.Explain().Partitions) == 2 })
		b := l.run(l.config(), l.to(nil))
		l.until(time.Minute, "one each", func() bool { return len(b.Explain().Partitions) == 1 })
		l.until(known, "the lag known", func() bool { return b.Explain().Partitions[0].Lag == 0 })
		mine, theirs := a.Explain().Partitions, b.Explain().Partitions
		if len(mine) != 1 || mine[0].Partition == theirs[0].Partition {
			t.Errorf("reported %v and %v, want each partition by its owner alone", mine, theirs)
		}
		a.mustEnd()
		b.mustEnd()
	})
}
