package consumer

import (
	"context"
	"hash/maphash"
	"math/bits"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/weir-kafka/weir/consumer/internal/lane"
	"github.com/weir-kafka/weir/consumer/internal/offset"
)

// tp names a partition.
type tp struct {
	topic     string
	partition int32
}

// life is the part of a partition's life that this process has a say in.
type life uint8

const (
	live     life = iota
	draining      // revoked: what was taken is finished, nothing more is taken
	revoked       // given back; late completions change nothing
	lost          // already somebody else's: nothing is committed
)

// partition is one assignment of one partition: assigned again, it is another
// object. Workers hold the object, so whatever finishes late finds its own
// epoch dead and changes nothing.
type partition struct {
	tp
	ctx    context.Context // ends when the partition is lost or its drain runs out
	cancel context.CancelFunc
	now    func() time.Time
	seed   maphash.Seed
	keyed  bool

	tenants *tenants // nil without tenants

	mu      sync.Mutex
	life    life
	gen     uint64 // one more each time the log was rewritten under us
	lanes   *lane.Scheduler[item]
	tracker *offset.Tracker
	skip    offset.Map // done by an earlier owner, beyond what it committed
	redos   []*redo    // due; they go before the lanes
	parked  []*redo    // not due yet

	held      int64 // bytes: queued, in batches, parked
	records   int64 // the same in records
	active    int64 // records in batches: what a drain waits for
	drained   chan struct{}
	clonedTo  uint64 // records below this seq, if still queued, pin no fetch
	pushedTo  uint64 // one above the newest seq
	pushedWas uint64 // pushedTo a housekeeping round ago

	committed    int64 // the broker's word, -1 for none
	commitEpoch  int32 // the leader epoch that came with it, -1 for none
	begin        int64 // where it starts while nothing is committed, -1 for unknown
	floor        int64 // what others committed while the group was without us, -1 for nothing
	sentMap      string
	mapWhole     bool
	noMap        bool      // the broker refused the map
	gone         bool      // the topic is another one now: nothing is committed
	end          int64     // the log's end as last heard, -1 for unknown
	uncommitted  int64     // records that became done since the last commit that covered them
	oldestOffset int64     // as last reported
	oldestSince  time.Time // when it became the oldest
	state        State     // fetching, as decided by pressure
	pausedAt     time.Time // when it was paused last
	over         bool      // more than its share was held, and has not fallen to half of it
	reasons      []string
	failure      error // a fatal fetch error
	fetchErr     error // of the last fetch; the client tries again

	offered bool // in the crew's queue; guarded by the crew's mu
}

// newPartition makes one of so many partitions.
func newPartition(ctx context.Context, c *Consumer, id tp, partitions int) *partition {
	p := &partition{
		tp: id, now: c.now, seed: c.seed, keyed: c.laneMode == lane.Keyed, tracker: offset.NewTracker(),
		tenants: c.tenants, lanes: c.tenants.lanes(c.laneMode, partitions), committed: -1, commitEpoch: -1, begin: -1, floor: -1, end: -1,
		drained: make(chan struct{}), state: StateOpen, mapWhole: true,
	}
	p.ctx, p.cancel = context.WithCancel(ctx)
	return p
}

const (
	// mostLaneBits: 4,096 lanes a partition keep collisions near 2 % with 100 keys in
	// flight in each; the table costs 64 KiB, and only while records are queued.
	mostLaneBits = 12
	// Of many partitions each has fewer in flight and needs fewer lanes. All their tables
	// together stay within 4 MiB: else every record is a cache miss or two, and the
	// tables outgrow what they hold.
	allLaneBits   = 18
	leastLaneBits = 8
)

// laneBits returns how many lanes each of so many partitions has, as a power of two.
func laneBits(partitions int) uint {
	each := allLaneBits - bits.Len(uint(max(partitions-1, 0)))
	return uint(min(max(each, leastLaneBits), mostLaneBits))
}

// pushed is what a push did.
type pushed struct {
	bytes, records   int64
	skipped, dropped int
	ready, reset     bool
}

// push takes fetched records. They are dropped when the partition is not ours
// any more: they lie beyond the watermark, so they are never committed.
func (p *partition) push(recs []*kgo.Record, end int64) (r pushed) {
	tenants := p.tenants.names(p.tp, recs)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.life != live {
		r.dropped = len(recs)
		return r
	}
	last, epoch, any := p.last(end)
	for i, rec := range recs {
		if any && rec.Offset <= last {
			if rec.LeaderEpoch >= 0 && rec.LeaderEpoch <= epoch {
				r.dropped++ // the same record, fetched twice
				continue
			}
			bytes, records := p.reset()
			r.bytes, r.records, r.reset = r.bytes-bytes, r.records-records, true
		}
		last, epoch, any = rec.Offset, rec.LeaderEpoch, true
		seq := p.tracker.Push(rec.Offset, rec.LeaderEpoch)
		p.pushedTo = seq + 1
		if rec.Attrs.IsControl() { // the end of a transaction: nobody's work
			p.tracker.Done(seq)
			continue
		}
		if p.skip.Done(rec.Offset, rec.LeaderEpoch) {
			p.tracker.Done(seq)
			r.skipped++
			continue
		}
		size := recordSize(rec)
		p.lanes.PushSlot(p.tenants.enter(rec, tenants, i, size), p.hash(rec), item{rec, seq}, size)
		p.held += int64(size)
		p.records++
		r.bytes += int64(size)
		r.records++
	}
	if p.end = max(end, p.end); r.reset {
		p.end = end
	}
	r.ready = p.lanes.Ready()
	return r
}

// last returns the newest record that is known of a log that ends at end. Before the
// first fetched one that is the one before the commit: a broker may have said falsely that
// the commit is out of range, and then the client begins at the start of the log. Where
// the log ends before the commit it is another log, and no epoch says that it is the same.
func (p *partition) last(end int64) (at int64, epoch int32, any bool) {
	if at, epoch, any = p.tracker.Last(); any {
		return at, epoch, true
	}
	if epoch = p.commitEpoch; end < p.committed {
		epoch = -1
	}
	return p.committed - 1, epoch, p.committed >= 0
}

// hash spreads keys over lanes. A record without a key belongs with no other,
// so it gets a lane by its offset.
func (p *partition) hash(rec *kgo.Record) uint32 {
	if !p.keyed {
		return 0
	}
	if rec.Key == nil {
		return uint32(rec.Offset) * 2654435769
	}
	h := maphash.Bytes(p.seed, rec.Key)
	return uint32(h ^ h>>32)
}

// reset forgets the old log after a truncation: what is queued of it is
// dropped, what is in flight finishes and marks nothing. This is the only case
// in which a commit may go back.
func (p *partition) reset() (bytes, records int64) {
	p.gen++
	bytes, records = p.dropQueued()
	p.tracker = offset.NewTracker()
	p.skip = offset.Map{}
	p.committed, p.commitEpoch, p.begin, p.floor, p.sentMap, p.uncommitted = -1, -1, -1, -1, "", 0
	p.oldestSince = time.Time{}
	p.clonedTo, p.pushedTo, p.pushedWas = 0, 0, 0
	return bytes, records
}

// dropQueued drops what no batch holds and returns how much that was.
func (p *partition) dropQueued() (bytes, records int64) {
	drop := func(size int) {
		bytes += int64(size)
		records++
	}
	p.lanes.Drop(func(slot int32, size int) {
		drop(size)
		p.tenants.left(slot, 1, int64(size), 0)
	})
	for _, list := range [2][]*redo{p.redos, p.parked} {
		for _, r := range list {
			p.tenants.rests(r.taken[0].Slot, -len(r.taken))
			for i := range r.taken {
				drop(r.taken[i].Size)
				p.tenants.left(r.taken[i].Slot, 1, int64(r.taken[i].Size), 1)
			}
			p.lanes.Release(r.taken[0].Lane)
		}
	}
	p.redos, p.parked = nil, nil
	p.held -= bytes
	p.records -= records
	return bytes, records
}

// take returns a batch of records that may run now, nil if there are none, and
// whether more are ready. Only the handler stage calls it.
func (p *partition) take(h *hand, maxRecords, maxBytes int) (b *batch, more bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.life != live {
		return nil, false
	}
	var taken []lane.Taken[item]
	attempt, again := int32(1), len(p.redos) > 0
	if again {
		taken, attempt = p.redos[0].taken, p.redos[0].attempt
		p.redos = p.redos[1:]
	} else {
		h.taken = p.lanes.Take(h.taken[:0], maxRecords, maxBytes)
		taken = h.taken
		p.unpin(taken)
	}
	if len(taken) == 0 {
		return nil, false
	}
	p.tenants.taken(taken, again)
	b = h.c.batches.get(len(taken), h.c.stages)
	b.taken = append(b.taken, taken...)
	clear(taken)
	b.begin(p, attempt)
	p.active += int64(len(taken))
	return b, len(p.redos) > 0 || p.lanes.Ready()
}

// unpin clones the records of a small batch: it is small because its handler is
// slow, and a slow handler must not keep whole fetch responses alive.
func (p *partition) unpin(taken []lane.Taken[item]) {
	if len(taken) > 16 {
		return
	}
	for i := range taken {
		if t := &taken[i]; t.Item.seq >= p.clonedTo {
			t.Item.rec = cloneRecord(t.Item.rec)
		}
	}
}

// keepHouse clones what has been queued since the round before the last, so
// that a stuck lane does not keep the fetch responses of its neighbours alive,
// and frees what an idle partition does not need.
func (p *partition) keepHouse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if from, to := p.clonedTo, p.pushedWas; from < to && p.lanes.Queued() > 0 {
		p.lanes.Each(func(it *item) {
			if it.seq >= from && it.seq < to {
				it.rec = cloneRecord(it.rec)
			}
		})
	}
	p.clonedTo, p.pushedWas = max(p.clonedTo, p.pushedWas), p.pushedTo
	p.lanes.Idle()
	if oldest, ok := p.tracker.Oldest(); ok {
		p.age(oldest, p.now())
	}
}

// mayWrite reports whether what a batch carries may still take effect.
func (p *partition) mayWrite(gen uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.life <= draining && p.gen == gen
}

// isLive reports whether what failed may be tried again.
func (p *partition) isLive(gen uint64) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.life == live && p.gen == gen
}

// startDrain stops taking and drops what has not started.
func (p *partition) startDrain() (bytes, records int64) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.life != live {
		return 0, 0
	}
	p.life, p.state = draining, StateDraining
	bytes, records = p.dropQueued()
	if p.active == 0 {
		p.closeDrained()
	}
	return bytes, records
}

// rest is what becomes of nothing any more when a partition ends.
type rest struct {
	bytes, records int64 // dropped: they were not begun
	inFlight       int64 // records that may still take effect
	uncommitted    int64 // records that are done, and of which no commit tells
}

// kill ends the partition: late completions change nothing.
func (p *partition) kill(as life) rest {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.life >= revoked {
		return rest{}
	}
	p.life = as
	p.closeDrained()
	p.cancel()
	bytes, records := p.dropQueued()
	return rest{bytes, records, p.active, p.uncommitted}
}
