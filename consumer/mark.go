package consumer

import "github.com/weir-kafka/weir/consumer/internal/offset"

// mark is what a commit says of one partition.
type mark struct {
	p        *partition
	gen      uint64
	next     int64
	epoch    int32
	metadata string
	whole    bool
	covered  int64 // of p.uncommitted
	beyond   int64 // done beyond next, and not or not all in the map: who can tell which
}

// mark returns what there is to commit, false when that is nothing new. Only a
// live or draining partition has a say.
func (p *partition) mark() (m mark, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.life > draining || p.gone {
		return m, false
	}
	m, ok = plan(p.tracker, &p.skip, said{
		committed: p.committed, epoch: p.commitEpoch, begin: p.begin, floor: p.floor, metadata: p.sentMap, noMap: p.noMap, uncommitted: p.uncommitted,
	})
	m.p, m.gen = p, p.gen
	return m, ok
}

// said is what has been committed of a partition.
type said struct {
	committed   int64 // the broker's word, -1 for none
	epoch       int32 // of the record before it, -1 for unknown
	begin       int64 // where it starts, -1 for unknown
	floor       int64 // what others committed, -1 for nothing
	metadata    string
	noMap       bool  // the broker refused it
	uncommitted int64 // records that became done since
}

// plan is what to commit as one pure function: from what is done, what earlier
// owners had done beyond their commit, and what was said already. The offset is
// never beyond what was dispatched, because the tracker knows no other, but before the
// first record and the first commit it is where the partition starts; and it is never
// behind what was said.
func plan(t *offset.Tracker, earlier *offset.Map, was said) (m mark, ok bool) {
	next, epoch, ok := t.Commit()
	if !ok {
		epoch = -1
		if next, ok = t.Oldest(); !ok {
			if next = was.begin; next < 0 || was.committed >= 0 {
				return m, false
			}
		}
		if next == was.committed {
			epoch = was.epoch
		}
	}
	if next < max(was.committed, was.floor) {
		return m, false
	}
	m = mark{next: next, epoch: epoch, whole: true, covered: was.uncommitted}
	last, lastEpoch, _ := t.Last()
	left := earlier.After(last, lastEpoch)
	if beyond := t.Beyond() + left.Count(); beyond > 0 {
		if !was.noMap {
			m.metadata, m.whole = t.Map(next, offset.MetadataLimit, left)
		}
		if was.noMap || !m.whole {
			m.beyond = int64(beyond)
		}
	}
	if next == was.committed && (m.metadata == was.metadata || was.uncommitted == 0) {
		return m, false
	}
	return m, m.metadata != "" || was.committed < next
}
