package consumer

import (
	"math/bits"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/weir-kafka/weir/consumer/internal/lane"
	"github.com/weir-kafka/weir/sink"
)

// recordOverhead is what a record costs beside its bytes: the client's Record
// (160 B), a lane node (32 B), its place in a batch (64 B) and its message (144 B).
const recordOverhead = 400

// messageOverhead is what a message costs beside its bytes, if it is not the one
// that its record counts.
const messageOverhead = 150

// batches keeps the memory of batches, by the power of two that holds their records.
type batches [mostAtOnceBits + 1]sync.Pool

const mostAtOnceBits = 12

// get returns an empty batch for n records and as many outs as there are stages.
func (k *batches) get(n int, stages []*writeStage) *batch {
	size, class := n, bits.Len(uint(max(n-1, 0)))
	if class < len(k) {
		if b, ok := k[class].Get().(*batch); ok {
			return b
		}
		size = 1 << class
	}
	b := &batch{
		taken: make([]lane.Taken[item], 0, size), states: make([]recordState, 0, size), outs: make([]out, len(stages)),
	}
	for i, s := range stages {
		b.outs[i] = out{batch: b, stage: s}
	}
	b.outs[0].msgs, b.outs[0].recs = make([]sink.Message, 0, size), make([]int32, 0, size)
	return b
}

// put takes back a batch that nobody knows any more.
func (k *batches) put(b *batch) {
	for i := range b.taken {
		if b.part.keyed && i%nearby == 0 {
			b.touch(i)
		}
		if r := b.taken[i].Item.rec; r != nil {
			r.Recycle()
		}
	}
	class := bits.Len(uint(cap(b.taken) - 1))
	if class >= len(k) || cap(b.taken) != 1<<class {
		return
	}
	clear(b.taken)
	b.part, b.taken, b.even, b.extra = nil, b.taken[:0], nil, 0
	for i := range b.outs {
		o := &b.outs[i]
		clear(o.msgs)
		o.msgs, o.recs = o.msgs[:0], o.recs[:0]
	}
	k[class].Put(b)
}

// item is one record as it waits in a lane: seq is its place in the order of
// dispatch, which the tracker knows it by.
type item struct {
	rec *kgo.Record
	seq uint64
}

// batch is a number of records of one partition that were taken together. Its
// lanes stay busy until its records are terminal: acknowledged, or dropped with
// the partition. Everything below is guarded by the partition's mu, save while
// the handler stage owns the batch.
type batch struct {
	part    *partition
	gen     uint64 // of the partition when the batch was taken
	slot    int32  // of the tenant whose records all of them are
	taken   []lane.Taken[item]
	states  []recordState
	groups  []group
	outs    []out // by the stage's index
	extra   int64 // bytes that handlers made, counted in the budget until the batch ends
	left    int   // groups that have not ended, and one for whoever dispatches it
	plain   bool  // nothing failed, was split or given away: its memory may be used again
	even    *out  // where each record has its one message, if that is so
	rejects []rejected
	after   *handover // records of the same lane in another batch, which go first
	touched int64     // keeps touch from being optimised away
}

// recordState is what is known of one taken record.
type recordState struct {
	wait    int32 // messages that are not acknowledged
	group   int32
	attempt int32 // 1 the first time
	dead    bool  // given to the dead letters
	handled bool
}

// group is the records of one lane in a batch, in order.
type group struct {
	lane int32
	left int32 // handled records that are not terminal
	redo *redo // what the handler must be asked again, once left is 0
	next *handover
}

// handover ties two batches that share a lane: what was handled before a call
// that hangs, and the record of that call with those behind it.
type handover struct {
	ended  chan struct{} // closed when the first ones are terminal; the lane stays busy
	broken bool          // not all of them were done; set before ended is closed
}

// redo is records of one lane for which the handler failed: the first one and
// those behind it, which must wait for it.
type redo struct {
	taken   []lane.Taken[item]
	attempt int32 // of the first, when it is tried again
	due     time.Time
}

// out is what a batch sends to one sink: messages in order, and for each the
// record it was made from. ends holds the index behind the last message of each
// lane group.
type out struct {
	batch *batch
	stage *writeStage
	msgs  []sink.Message
	recs  []int32
	ends  []int32
}

// seal computes the lane groups.
func (o *out) seal() {
	if o.ends = o.ends[:0]; len(o.recs) > 0 && cap(o.ends) == 0 {
		o.ends = make([]int32, 0, len(o.batch.groups))
	}
	if len(o.batch.groups) == 1 && len(o.recs) > 0 {
		o.ends = append(o.ends, int32(len(o.recs)))
		return
	}
	for i := 1; i <= len(o.recs); i++ {
		if i == len(o.recs) || o.batch.states[o.recs[i]].group != o.batch.states[o.recs[i-1]].group {
			o.ends = append(o.ends, int32(i))
		}
	}
}

// begin prepares a batch for its records, which stand in taken.
func (b *batch) begin(p *partition, attempt int32) {
	b.part, b.gen, b.slot, b.plain, b.even = p, p.gen, b.taken[0].Slot, true, nil
	b.states, b.groups = b.states[:len(b.taken)], b.groups[:0]
	if p.keyed && cap(b.groups) == 0 { // nearly every record is in a lane of its own
		b.groups = make([]group, 0, cap(b.taken))
	}
	for i := range b.taken {
		l := b.taken[i].Lane
		if n := len(b.groups); n == 0 || l < 0 || b.groups[n-1].lane != l {
			b.groups = append(b.groups, group{lane: l})
		}
		b.states[i] = recordState{group: int32(len(b.groups) - 1), attempt: 1}
	}
	b.states[0].attempt = attempt
	b.left = len(b.groups) + 1
}

// messages is how many the handlers made.
func (b *batch) messages() (n int) {
	for i := range b.outs {
		n += len(b.outs[i].msgs)
	}
	return n
}

// groupEnd returns the index behind the last record of the group that record i is in.
func (b *batch) groupEnd(i int) int {
	g := b.states[i].group
	for i < len(b.states) && b.states[i].group == g {
		i++
	}
	return i
}

// cloneRecord copies a record so that it no longer pins the fetch response it
// came in: one kept record pins megabytes.
func cloneRecord(r *kgo.Record) *kgo.Record {
	buf := make([]byte, 0, len(r.Key)+len(r.Value))
	c := *r
	c.Context = nil // it is in nobody's slab
	c.Key, buf = cloneInto(buf, r.Key)
	c.Value, _ = cloneInto(buf, r.Value)
	if len(r.Headers) > 0 {
		c.Headers = make([]kgo.RecordHeader, len(r.Headers))
		for i, h := range r.Headers {
			c.Headers[i] = kgo.RecordHeader{Key: string([]byte(h.Key)), Value: append([]byte(nil), h.Value...)}
		}
	}
	return &c
}

// cloneInto appends b to buf and returns the copy, nil for nil.
func cloneInto(buf, b []byte) (clone, rest []byte) {
	if b == nil {
		return nil, buf
	}
	n := len(buf)
	buf = append(buf, b...)
	return buf[n:len(buf):len(buf)], buf
}

// recordSize is what a record counts in the budget.
func recordSize(r *kgo.Record) int {
	n := len(r.Key) + len(r.Value) + recordOverhead
	for i := range r.Headers {
		n += len(r.Headers[i].Key) + len(r.Headers[i].Value) + 40
	}
	return n
}
