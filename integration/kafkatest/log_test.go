package kafkatest_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/integration/kafkatest"
	"github.com/weir-kafka/weir/sink"
)

// What was done of the old topic says nothing about the new one.
func TestATopicCreatedAgainIsReadFromItsBeginning(t *testing.T) {
	t.Parallel()
	for _, protocol := range []consumer.Protocol{consumer.ProtocolClassic, consumer.ProtocolConsumer} {
		t.Run(string(protocol), func(t *testing.T) {
			t.Parallel()
			l := newLab(t, shared(t, oneNode), 3)
			l.produce(1000)
			cfg := l.config(protocol)
			cfg.Kafka.CommitInterval = time.Hour // what was done of the old topic is not committed yet
			l.run(cfg, l.to(nil))
			l.delivered(30 * time.Second)
			_, err := l.c.Admin().DeleteTopic(t.Context(), l.topic)
			must(t, err)
			l.until(30*time.Second, "the broker has forgotten the old one", func() bool {
				d, err := l.c.Admin().ListTopics(t.Context(), l.topic)
				return err == nil && d[l.topic].Err != nil
			})
			must(t, l.c.CreateTopic(t.Context(), l.topic, 3, nil))
			l.client = l.c.Client(t, kgo.ProducerLinger(0)) // the old one remembers the old topic
			l.rekey("new")
			l.produce(1500)
			l.delivered(90 * time.Second)
			l.atRest(0)
		})
	}
}

func TestPartitionsThatAreAddedAreRead(t *testing.T) {
	t.Parallel()
	for _, protocol := range []consumer.Protocol{consumer.ProtocolClassic, consumer.ProtocolConsumer} {
		t.Run(string(protocol), func(t *testing.T) {
			t.Parallel()
			l := newLab(t, shared(t, oneNode), 2)
			l.produce(1000)
			for range 2 {
				l.run(l.config(protocol), l.to(nil), consumer.WithClientOptions(kgo.MetadataMaxAge(6*time.Second)))
			}
			l.shared()
			_, err := l.c.Admin().UpdatePartitions(t.Context(), 6, l.topic)
			must(t, err)
			l.parts = 6
			l.client = l.c.Client(t, kgo.ProducerLinger(0))
			l.rekey("new") // a key's order over the growth is not promised
			l.produce(1000)
			l.delivered(time.Minute)
			l.shared()
			l.settled(0)
		})
	}
}

// Aborted records never have an effect, and markers do not hold up the commit.
func TestAbortedRecordsHaveNoEffectAndMarkersAreCommitted(t *testing.T) {
	t.Parallel()
	l := newLab(t, shared(t, oneNode), 1)
	l.run(l.config(consumer.ProtocolAuto), l.to(nil))
	cl := l.c.Client(t, kgo.TransactionalID("x"+l.topic), kgo.ProducerLinger(0))
	for i := range 20 {
		must(t, cl.BeginTransaction())
		end, key := kgo.TryCommit, "k"
		if i%2 == 1 {
			end, key = kgo.TryAbort, "aborted"
		}
		var recs []*kgo.Record
		for k := range 50 {
			recs = append(recs, &kgo.Record{Topic: l.topic, Key: []byte(key), Value: fmt.Append(nil, i/2*50+k)})
		}
		must(t, cl.ProduceSync(t.Context(), recs...).FirstErr())
		must(t, cl.EndTransaction(t.Context(), end))
	}
	l.sent = 10 * 50
	l.delivered(30 * time.Second)
	time.Sleep(1500 * time.Millisecond) // a commit interval: the last marker is committed without a record after it
	if got := l.ledger.of("aborted"); got != 0 {
		t.Errorf("%d aborted records had an effect, want 0", got)
	}
	l.settled(0)
}

// Compaction leaves gaps, which are nobody's work.
func TestGapsOfCompactionAreCommittedOver(t *testing.T) {
	t.Parallel()
	l := newLabWith(t, shared(t, oneNode), 1, map[string]string{
		"cleanup.policy": "compact", "segment.ms": "500", "min.cleanable.dirty.ratio": "0.01", "min.compaction.lag.ms": "0",
	})
	l.keys = 10
	l.prefix = "old"
	for range 5 {
		l.produce(1000)
		time.Sleep(600 * time.Millisecond) // the next record begins another segment
	}
	left := map[int64]bool{}
	l.until(60*time.Second, "compacted", func() bool { left = l.visible(); return len(left) < 3000 })
	var mu sync.Mutex
	seen := map[int64]bool{}
	l.ledger.before = func(_ context.Context, batch []sink.Message) error {
		mu.Lock()
		defer mu.Unlock()
		for _, m := range batch {
			seen[m.Source.Offset] = true
		}
		return nil
	}
	m := l.run(l.config(consumer.ProtocolAuto), l.to(nil))
	l.until(30*time.Second, "the last record", func() bool { mu.Lock(); defer mu.Unlock(); return seen[4999] })
	must(t, m.end())
	for at := range l.visible() { // what compaction took meanwhile need not have been read
		if !seen[at] {
			t.Errorf("offset %d had no effect", at)
		}
	}
	t.Logf("%d of 5000 records were left; %d had their effect", len(left), len(seen))
	l.committedAll()
}

// visible reads the offsets that a plain client sees now.
func (l *lab) visible() map[int64]bool {
	l.Helper()
	cl := l.c.Client(l.T, kgo.ConsumeTopics(l.topic), kgo.ConsumeStartOffset(kgo.NewOffset().AtStart()))
	defer cl.Close()
	seen := map[int64]bool{}
	for last := int64(-1); last < int64(l.sent-1); {
		fs := cl.PollFetches(l.Context())
		fs.EachRecord(func(r *kgo.Record) {
			seen[r.Offset] = true
			last = r.Offset
		})
		if err := fs.Err(); err != nil {
			l.Fatal(err)
		}
	}
	return seen
}

// A record larger than a fetch still moves; one that does not fit in a quarter of the
// memory stops its partition, which says so, and no other.
func TestAnOversizeRecordIsDeliveredOrStopsOnlyItsPartition(t *testing.T) {
	t.Parallel()
	for name, memory := range map[string]consumer.Bytes{"it fits": 64 << 20, "it does not fit": 16 << 20} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLabWith(t, shared(t, oneNode), 2, map[string]string{"max.message.bytes": "8388608"})
			l.padding = make([]byte, 5<<20)
			for i := range l.padding { // without a pattern
				l.padding[i] = byte(i * i >> 3)
			}
			l.produce(1)
			l.padding = nil
			l.produce(500)
			cfg := l.config(consumer.ProtocolAuto)
			cfg.Memory = memory
			m := l.run(cfg, l.to(nil))
			if memory < 64<<20 {
				l.stopsOne(m)
				return
			}
			l.delivered(30 * time.Second)
			if got := m.Explain().Totals.MaxHeld; got > int64(memory) {
				t.Errorf("held %d bytes, want at most %d", got, memory)
			}
			l.settled(0)
		})
	}
}

// stopsOne waits until one partition is stopped and the other is done.
func (l *lab) stopsOne(m *member) {
	l.Helper()
	l.until(30*time.Second, "one partition stopped, the other done", func() bool {
		stopped, done := 0, 0
		for _, p := range m.Explain().Partitions {
			switch {
			case strings.Contains(strings.Join(p.Reasons, " "), "decompress"):
				stopped++
			case p.Lag == 0:
				done++
			}
		}
		return stopped == 1 && done == 1
	})
	for _, p := range m.Explain().Partitions {
		l.Logf("partition %d: %s %v, committed %d", p.Partition, p.State, p.Reasons, p.Committed)
	}
	must(l.T, m.end())
}

// An unclean election takes records away and puts others in their place: the new
// ones are read, and the commit goes back to where the logs part.
func TestAfterAnUncleanElectionTheNewRecordsAreRead(t *testing.T) {
	t.Parallel()
	l := newLabWith(t, shared(t, threeNodes), 1, map[string]string{"unclean.leader.election.enable": "true", "min.insync.replicas": "1"})
	m := l.run(l.config(consumer.ProtocolAuto), l.to(nil))
	l.produce(1000)
	l.delivered(30 * time.Second)
	// While a broker is away the coordinator may not be able to write a commit.
	l.until(10*time.Second, "committed", func() bool { return m.Explain().Partitions[0].Committed == 1000 })
	leader, err := l.c.Leader(t.Context(), l.topic, 0)
	must(t, err)
	l.keepReplicas(leader)
	behind := l.follower(leader)
	must(t, behind.Kill(t.Context()))
	time.Sleep(4 * time.Second) // it is out of sync
	l.rekey("taken away")
	l.produce(400)
	l.delivered(30 * time.Second)
	must(t, leader.Kill(t.Context()))
	must(t, behind.Start(t.Context()))
	l.elect(behind)
	l.client = l.c.Client(t, kgo.ProducerLinger(0))
	l.rekey("new")
	l.produce(1000)
	l.delivered(90 * time.Second)
	must(t, l.c.Heal(t.Context()))
	ends, err := l.c.Admin().ListEndOffsets(t.Context(), l.topic)
	must(t, err)
	if end, _ := ends.Lookup(l.topic, 0); end.Offset != 2000 {
		t.Errorf("the log ends at %d, want 2000: nothing was taken away", end.Offset)
	}
	l.atRest(0)
}

// keepReplicas leaves the partition the leader and one follower.
func (l *lab) keepReplicas(leader *kafkatest.Node) {
	l.Helper()
	other := leader.ID%3 + 1
	var req kadm.AlterPartitionAssignmentsReq
	req.Assign(l.topic, 0, []int32{leader.ID, other})
	_, err := l.c.Admin().AlterPartitionAssignments(l.Context(), req)
	must(l.T, err)
	l.until(30*time.Second, "two replicas", func() bool {
		d, err := l.c.Admin().ListTopics(l.Context(), l.topic)
		return err == nil && len(d[l.topic].Partitions[0].Replicas) == 2
	})
}

// follower returns the other replica.
func (l *lab) follower(leader *kafkatest.Node) *kafkatest.Node {
	return l.c.Nodes[leader.ID%3]
}

// elect makes n the leader, although it is behind.
func (l *lab) elect(n *kafkatest.Node) {
	l.Helper()
	l.until(90*time.Second, "an unclean leader", func() bool {
		ctx, cancel := context.WithTimeout(l.Context(), 5*time.Second)
		defer cancel()
		d, err := l.c.Admin().ListTopics(ctx, l.topic)
		if err == nil && d[l.topic].Partitions[0].Leader == n.ID {
			return true
		}
		set := kadm.TopicsSet{}
		set.Add(l.topic, 0)
		_, _ = l.c.Admin().ElectLeaders(ctx, kadm.ElectLiveReplica, set)
		return false
	})
}

// A batch that is damaged on the disk stops its partition, which says so, and no
// other; nothing behind it is committed.
func TestADamagedBatchStopsOnlyItsPartitionAndSaysSo(t *testing.T) {
	t.Parallel()
	l := newLab(t, shared(t, oneNode), 2)
	cl := l.c.Client(t, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0))
	for p := range int32(2) {
		for i := range 10 {
			// a batch of its own
			must(t, cl.ProduceSync(t.Context(), &kgo.Record{Topic: l.topic, Partition: p, Key: fmt.Append(nil, "p", p), Value: fmt.Append(nil, i)}).FirstErr())
		}
	}
	l.sent = 20
	node := l.c.Nodes[0] // the middle of the file is the end of the fifth batch
	file := "/tmp/kafka-logs/" + l.topic + "-0/00000000000000000000.log"
	size, err := node.Exec(t.Context(), "stat", "-c", "%s", file)
	must(t, err)
	_, err = node.Exec(t.Context(), "sh", "-c", "printf X | dd of="+file+" bs=1 conv=notrunc seek=$(( "+strings.TrimSpace(size)+" / 2 - 3 ))")
	must(t, err)
	m := l.run(l.config(consumer.ProtocolAuto), l.to(nil))
	l.until(30*time.Second, "the other partition is done", func() bool { return l.ledger.of("p1") == 10 })
	l.until(30*time.Second, "the damage is a reason", func() bool {
		for _, p := range m.Explain().Partitions {
			if p.Partition == 0 && strings.Contains(strings.Join(p.Reasons, " "), "fetch") {
				t.Logf("partition 0: %s %v, committed %d", p.State, p.Reasons, p.Committed)
				return true
			}
		}
		return false
	})
	time.Sleep(2 * time.Second)
	must(t, m.end())
	os, err := l.c.Admin().FetchOffsets(t.Context(), l.group)
	must(t, err)
	at, _ := os.Lookup(l.topic, 0)
	done := l.ledger.of("p0")
	t.Logf("committed %d of partition 0, %d of its keyed records done", at.At, done)
	if done == 10 || at.At != int64(done) {
		t.Errorf("committed %d and %d done, want the same and less than 10", at.At, done)
	}
}
