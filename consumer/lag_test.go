//go:build synctests

package consumer_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

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

// A fetch tells of the partition with records, and one answer is enough of the other.
func TestOnlyEndsThatNoFetchTellsAreAskedFor(t *testing.T) {
	inLab(t, 2, func(l *lab) {
		l.produce(1, 100, 10)
		var mu sync.Mutex
		var asked []int32
		l.cluster.ControlKey(int16(kmsg.ListOffsets), func(req kmsg.Request) (kmsg.Response, error, bool) {
			l.cluster.KeepControl()
			mu.Lock()
			defer mu.Unlock()
			for _, t := range req.(*kmsg.ListOffsetsRequest).Topics {
				for _, p := range t.Partitions {
					if p.Timestamp == -1 { // others are of where it starts
						asked = append(asked, p.Partition)
					}
				}
			}
			return nil, nil, false
		})
		m := l.run(l.config(), l.to(nil))
		l.until(time.Minute, "delivered", func() bool { return l.ledger.distinct() == 100 })
		time.Sleep(10 * time.Second)
		mu.Lock()
		if !slices.Equal(asked, []int32{1}) {
			t.Errorf("asked for the ends of partitions %v, want that of 1 once", asked)
		}
		mu.Unlock()
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
