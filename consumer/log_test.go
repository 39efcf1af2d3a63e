//go:build synctests

package consumer_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/consumer"
)

func TestCompactionGapsNeedNoCare(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		if err := l.cluster.CreateTopic("compacted", 1, map[string]string{"cleanup.policy": "compact", "segment.bytes": "2000", "min.compaction.lag.ms": "0"}); err != nil {
			t.Fatal(err)
		}
		for i := range 300 { // one batch each, so that single offsets can go
			l.write(&kgo.Record{Topic: "compacted", Key: []byte(strconv.Itoa(i % 7)), Value: []byte(strconv.Itoa(i))})
		}
		l.cluster.Compact()
		left := l.cluster.PartitionInfo("compacted", 0)
		cfg := l.config()
		cfg.Kafka.Topics = []string{"compacted"}
		m := l.run(cfg, l.to(nil))
		l.until(time.Minute, "read to the end", func() bool { return l.hasOf("compacted", 299) })
		time.Sleep(3 * time.Second)
		if got := l.ledger.distinct(); got >= 300 {
			t.Fatalf("%d records of 300: nothing was compacted (%+v)", got, left)
		}
		r := m.Explain().Partitions[0]
		if r.Committed != 300 || r.Lag != 0 {
			t.Errorf("committed %d with lag %d, want 300 and 0", r.Committed, r.Lag)
		}
		m.mustEnd()
	})
}

func TestATailThatIsNoRecordsLeavesNoWork(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		tx := l.newClient(kgo.TransactionalID("tx"))
		defer tx.Close()
		for round, end := range []kgo.TransactionEndTry{kgo.TryCommit, kgo.TryAbort, kgo.TryCommit, kgo.TryAbort} {
			if err := tx.BeginTransaction(); err != nil {
				t.Fatal(err)
			}
			for i := range 10 {
				tx.Produce(l.Context(), &kgo.Record{Topic: topic, Key: []byte("k"), Value: []byte(strconv.Itoa(round*10 + i))}, nil)
			}
			if err := tx.Flush(l.Context()); err != nil {
				t.Fatal(err)
			}
			if err := tx.EndTransaction(l.Context(), end); err != nil {
				t.Fatal(err)
			}
		}
		m := l.run(l.config(), l.to(nil))
		l.until(time.Minute, "committed records delivered", func() bool { return l.ledger.distinct() == 20 })
		time.Sleep(30 * time.Second)
		if got := l.ledger.distinct(); got != 20 {
			t.Errorf("%d records, want the 20 of committed transactions", got)
		}
		r := m.Explain()
		if got := r.Partitions[0].Lag; got != 0 {
			t.Errorf("lag %d behind the last marker, want 0", got)
		}
		if r.DuplicatesIfKilled != 0 || r.Partitions[0].Oldest != -1 {
			t.Errorf("work seems left: %+v", r.Partitions[0])
		}
		m.mustEnd()
		if got := l.committed(0); got != 44 { // a marker follows each ten
			t.Errorf("committed %d, want 44", got)
		}
	})
}

// hasOf reports whether the ledger has an offset of a topic's partition 0.
func (l *lab) hasOf(topic string, offset int64) bool {
	l.ledger.mu.Lock()
	defer l.ledger.mu.Unlock()
	return l.ledger.seen[topic+"/0/"+strconv.FormatInt(offset, 10)+"/0"] > 0
}

func TestAPositionThatTheLogHasDroppedGoesOnAtItsStart(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 100, 10)
		l.commitAs(0, 10, "")
		if err := l.cluster.DeleteRecords(topic, 0, 60); err != nil {
			t.Fatal(err)
		}
		m := l.run(l.config(), l.to(nil))
		l.until(time.Minute, "the rest delivered", func() bool { return l.ledger.distinct() == 40 })
		l.until(time.Minute, "committed", func() bool { return l.committed(0) == 100 })
		m.mustEnd()
		if l.ledger.has(0, 59) || !l.ledger.has(0, 60) {
			t.Error("began elsewhere than at the log's start")
		}
	})
}

func TestAPositionBeyondTheLogStartsWhereTheConfigurationSays(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 100, 10)
		l.commitAs(0, 5000, "")
		m := l.run(l.config(), l.to(nil))
		l.until(time.Minute, "all delivered", func() bool { return l.ledger.distinct() == 100 })
		l.until(time.Minute, "committed", func() bool { return l.committed(0) == 100 })
		m.mustEnd()
	})
}

func TestATopicCreatedAgainStartsOver(t *testing.T) {
	inLab(t, 1, func(l *lab) {
		l.produce(1, 100, 10)
		m := l.run(l.config(), l.to(nil))
		l.until(time.Minute, "committed", func() bool { return l.committed(0) == 100 })
		if err := l.cluster.DeleteTopic(topic); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Second)
		if err := l.cluster.CreateTopic(topic, 1, nil); err != nil {
			t.Fatal(err)
		}
		l.ledger.forget()
		l.client = l.newClient() // the old one remembers the old topic
		defer l.client.Close()
		l.produce(1, 50, 10)
		l.until(5*time.Minute, "the new records delivered", func() bool { return l.ledger.distinct() == 50 })
		l.until(time.Minute, "committed", func() bool { return l.committed(0) == 50 })
		if got := m.Explain().Partitions[0].State; got != consumer.StateOpen {
			t.Errorf("state %s, want open", got)
		}
		m.mustEnd()
		l.settled(1, 50)
	})
}
