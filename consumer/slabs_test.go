package consumer

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"github.com/weir-kafka/weir/consumer/internal/lane"
	"github.com/weir-kafka/weir/sink"
)

func TestASlabIsLargeEnoughAndComesBackToItsPlace(t *testing.T) {
	t.Parallel()
	last := -1
	for n := range 1<<mostSlabBits + 2 {
		class, size, ok := slabClass(n)
		if size < n || ok && size > n+n/8 {
			t.Fatalf("for %d records a slab of %d", n, size)
		}
		if !ok {
			if n > 1<<(leastSlabBits-1) && n <= 1<<mostSlabBits {
				t.Fatalf("slabs for %d records are not kept", n)
			}
			continue
		}
		if class != last && class != last+1 || class >= len(slabs{}) {
			t.Fatalf("for %d records place %d after %d", n, class, last)
		}
		last = class
		if back, same, ok := slabClass(size); !ok || back != class || same != size {
			t.Fatalf("for %d records a slab of %d comes from place %d and goes to %d", n, size, class, back)
		}
	}
	if last != len(slabs{})-1 {
		t.Errorf("%d places, and %d are used", len(slabs{}), last+1)
	}
}

// lent is a pool that counts what came back.
type lent struct{ back int }

func (l *lent) GetRecords(n int) []kgo.Record { return make([]kgo.Record, n) }
func (l *lent) PutRecords([]kgo.Record)       { l.back++ }

// fetched is n records in a slab of pool.
func fetched(t *testing.T, pool kgo.PoolRecords, n int) []*kgo.Record {
	t.Helper()
	var recs []byte
	for i := range n {
		r := kmsg.Record{OffsetDelta: int32(i), Key: []byte("key"), Value: []byte("value")}
		r.Length = int32(len(r.AppendTo(nil)) - 1)
		recs = r.AppendTo(recs)
	}
	b := kmsg.RecordBatch{Magic: 2, LastOffsetDelta: int32(n - 1), ProducerID: -1, NumRecords: int32(n), Records: recs}
	raw := b.AppendTo(nil)
	binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-12))
	o := kgo.ProcessFetchPartitionOpts{Topic: "in", Pools: []kgo.Pool{pool}, DisableCRCValidation: true}
	part, _ := kgo.ProcessFetchPartition(o, &kmsg.FetchResponseTopicPartition{RecordBatches: raw}, kgo.DefaultDecompressor(), nil)
	if part.Err != nil || len(part.Records) != n {
		t.Fatalf("%d records, %v, want %d", len(part.Records), part.Err, n)
	}
	return part.Records
}

// write takes n records of p and lets them become done, all but the messages from
// failed on if that is not negative.
func write(p *partition, h *hand, n, failed int) {
	b, _ := p.take(h, n, maxBatchBytes)
	o := &b.outs[0]
	for i := range b.taken {
		b.states[i].handled, b.states[i].wait = true, 1
		o.msgs, o.recs = append(o.msgs, sink.Message{}), append(o.recs, int32(i))
	}
	o.seal()
	p.handled(b, 0)
	end := p.dispatched(b)
	if failed < 0 {
		end = p.ack(o, 0, n)
	} else {
		p.ack(o, 0, failed)
		p.failed(b)
		(&span{out: o, from: failed, to: n}).unpin()
		end = p.ack(o, failed, n)
	}
	if end.over != nil {
		h.c.batches.put(end.over)
	}
}

// What is given back too early is overwritten under whoever still has it.
func TestASlabComesBackWithItsLastRecordAndOnlyIfAllSimplyBecameDone(t *testing.T) {
	t.Parallel()
	for name, step := range map[string]struct{ first, failed, back int }{
		"in one batch":            {100, -1, 1},
		"in two batches":          {60, -1, 1},
		"in small batches":        {3, -1, 0}, // of a slow handler: their records are copies
		"one message was retried": {60, 20, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, pool := &Consumer{now: time.Now, laneMode: lane.Free}, new(lent)
			c.stages = []*writeStage{{c: c}}
			p, h := newPartition(context.Background(), c, tp{"in", 0}, 1), newHand(c)
			recs := fetched(t, pool, 100)
			p.push(recs, 100)
			for left := 100; left > 0; left -= step.first {
				if pool.back != 0 {
					t.Fatalf("with %d records to go the slab was given back", left)
				}
				write(p, h, min(step.first, left), step.failed)
			}
			if pool.back != step.back {
				t.Errorf("the slab came back %d times, want %d", pool.back, step.back)
			}
		})
	}
}
