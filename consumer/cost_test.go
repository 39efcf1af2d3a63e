//go:build synctests

package consumer_test

import (
	"context"
	"encoding/binary"
	"hash/crc32"
	"os"
	"runtime"
	"strconv"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/sink"
)

// course is a way to consume a topic: it returns once n records have come.
type course struct {
	name string
	run  func(l *lab, n int)
}

// courses are the same work done by a loop that a team writes by hand and by Weir, and
// what is not their work but the laboratory's.
func courses() []course {
	return []course{
		{"none", func(*lab, int) {}},
		{"raw", (*lab).consumeRaw},
		{"partition", func(l *lab, n int) { l.consume(consumer.OrderPartition, n) }},
		{"key", func(l *lab, n int) { l.consume(consumer.OrderKey, n) }},
	}
}

// consumeRaw looks at every record, and the client commits what was polled before.
func (l *lab) consumeRaw(n int) {
	l.Helper()
	client := l.newClient(kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic))
	defer client.Close()
	for got := 0; got < n; {
		fetches := client.PollFetches(l.Context())
		for _, e := range fetches.Errors() {
			l.Fatal(e.Err)
		}
		for r := range fetches.RecordsAll() {
			if got++; len(r.Value) != costValue {
				l.Fatalf("a value of %d bytes, want %d", len(r.Value), costValue)
			}
		}
	}
}

// consume hands every record to a sink that looks at it.
func (l *lab) consume(order consumer.Order, n int) {
	l.Helper()
	var got atomic.Int64
	all := make(chan struct{})
	p := consumer.Pipeline{Sink: consumer.Output{Sink: sink.Func(func(_ context.Context, batch []sink.Message) error {
		for i := range batch {
			if len(batch[i].Value) != costValue {
				l.Errorf("a value of %d bytes, want %d", len(batch[i].Value), costValue)
			}
		}
		if got.Add(int64(len(batch))) == int64(n) {
			close(all)
		}
		return nil
	})}}
	cfg := l.config()
	cfg.Order = order
	m := l.run(cfg, p)
	<-all
	m.mustEnd()
}

const (
	costPartitions = 8
	costValue      = 100
	costBatch      = 1000
)

// fill writes n records, a multiple of a batch: the same batch again and again, so that it costs
// next to nothing.
func (l *lab) fill(partitions, n int) {
	l.Helper()
	batch := recordBatch(costBatch, func(i int) int { return i })
	for i := range n / costBatch {
		l.put(i%partitions, batch)
	}
}

// put writes a batch as it is.
func (l *lab) put(partition int, batch []byte) {
	l.Helper()
	req := kmsg.NewPtrProduceRequest()
	req.Acks, req.TimeoutMillis = -1, 10_000
	req.Topics = []kmsg.ProduceRequestTopic{{
		Topic: topic, TopicID: l.cluster.TopicInfo(topic).TopicID,
		Partitions: []kmsg.ProduceRequestTopicPartition{{Partition: int32(partition), Records: batch}},
	}}
	resp, err := req.RequestWith(l.Context(), l.client)
	if err == nil {
		err = kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		l.Fatal(err)
	}
}

// recordBatch is n records as they stand in a partition.
func recordBatch(n int, key func(i int) int) []byte {
	var recs []byte
	for i := range n {
		r := kmsg.Record{OffsetDelta: int32(i), Key: []byte("k" + strconv.Itoa(key(i))), Value: make([]byte, costValue)}
		r.Length = int32(len(r.AppendTo(nil)) - 1) // an unset length is one byte
		recs = r.AppendTo(recs)
	}
	b := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, LastOffsetDelta: int32(n - 1), ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1,
		NumRecords: int32(n), Records: recs,
	}
	raw := b.AppendTo(nil)
	// The length counts what follows it, the checksum what follows that.
	binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-12))
	binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
	return raw
}

// A course takes every record, however many there are. Instructions are counted over
// this: WEIR_RECORDS is how many it takes.
func TestACourseTakesEveryRecord(t *testing.T) {
	n := 16_000
	if s := os.Getenv("WEIR_RECORDS"); s != "" {
		n, _ = strconv.Atoi(s)
	}
	for _, c := range courses() {
		t.Run(c.name, func(t *testing.T) {
			inLab(t, costPartitions, func(l *lab) {
				l.fill(costPartitions, n)
				c.run(l, n)
			})
		})
	}
}

// spent is what a process allocated.
type spent struct{ allocs, bytes float64 }

func (a spent) minus(b spent) spent { return spent{a.allocs - b.allocs, a.bytes - b.bytes} }

// spend returns what a course allocates for n records of so many partitions, the broker
// included.
func spend(t *testing.T, c course, partitions, n int) (s spent) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		inBubble(t, int32(partitions), func(l *lab) {
			l.fill(partitions, n)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			c.run(l, n)
			runtime.ReadMemStats(&after)
			s = spent{float64(after.Mallocs - before.Mallocs), float64(after.TotalAlloc - before.TotalAlloc)}
		})
	})
	return s
}

// each is what a course allocates for a record once it is under way: two runs tell what
// the second half of the longer one cost.
func each(t *testing.T, c course) spent {
	t.Helper()
	const n = 200_000
	s := spend(t, c, costPartitions, 2*n).minus(spend(t, c, costPartitions, n))
	return spent{s.allocs / n, s.bytes / n}
}

// What Weir adds to a loop written by hand. Not parallel: what others allocate would count.
func TestARecordAllocatesNextToNothing(t *testing.T) {
	if testing.Short() { // with the race detector a pool forgets a part of what it is given
		t.Skip("for its own run")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // else the same run is not the same twice
	of := make(map[string]spent)
	for _, c := range courses() {
		of[c.name] = each(t, c)
	}
	for _, order := range []string{"partition", "key"} {
		added := of[order].minus(of["raw"])
		t.Logf("%s: %.4f allocations and %.1f bytes a record beside the %.4f and %.1f of the raw client and the broker",
			order, added.allocs, added.bytes, of["raw"].allocs, of["raw"].bytes)
		if added.allocs > 0.035 {
			t.Errorf("%s: %.4f allocations added a record, want at most 0.035", order, added.allocs)
		}
		if added.bytes > 64 {
			t.Errorf("%s: %.1f bytes added a record, want at most 64", order, added.bytes)
		}
	}
}

// The same where each of many partitions has a batch or two: what is added grows with
// batches, and not with partitions.
func TestARecordOfManyPartitionsAllocatesLittle(t *testing.T) {
	if testing.Short() {
		t.Skip("for its own run")
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const partitions, n = 200, 200 * costBatch
	of := make(map[string]spent)
	for _, c := range courses() {
		of[c.name] = spend(t, c, partitions, 2*n).minus(spend(t, c, partitions, n))
	}
	got := of["key"].minus(of["raw"]).allocs / n
	t.Logf("%.4f allocations added a record", got)
	if got > 0.05 {
		t.Errorf("%.4f allocations added a record, want at most 0.05", got)
	}
}
