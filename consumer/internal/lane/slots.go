package lane

// Quota says how much of a slot may be taken now. Its owner keeps the counts: one
// quota may stand over many schedulers.
type Quota interface {
	// Grant returns how many items of a slot may be taken, of want at most. With 0 the
	// scheduler passes the slot over until [Scheduler.Open] is called for it.
	Grant(slot int32, want int) int
	// Refund gives back what was granted and not taken.
	Refund(slot int32, items int)
}

// slot is one share of the work: the ready lanes whose first item is its own.
type slot struct {
	first, last int32 // lanes
	next        int32 // slot to be served after
	listed      bool  // among those to be served
	parked      bool  // its quota was used up
}

// NewSlots returns an empty scheduler that divides its lanes among slots. A lane
// belongs, while it is ready, to the slot of its first item; slots are served in
// turn and each Take serves one, so that many items of one slot delay another by
// one Take each time.
//
// In mode Keyed a hash has a lane of its own while it has items: if all shared a
// fixed number, one slot with many hashes would stand in every lane. In mode Free
// each slot has a queue of its own.
func NewSlots[T any](mode Mode, quota Quota) *Scheduler[T] {
	s := New[T](mode, 0)
	s.quota = quota
	return s
}

// slotFor makes slot n, if there is none.
func (s *Scheduler[T]) slotFor(n int32) {
	for int(n) >= len(s.slots) {
		s.slots = append(s.slots, slot{first: none, last: none, next: none})
	}
}

// laneFor makes the slot and the lane of an item, and returns the lane.
func (s *Scheduler[T]) laneFor(n int32, hash uint32) int32 {
	s.slotFor(n)
	switch s.mode {
	case Serial:
		return 0
	case Free:
		for int(n) >= len(s.lanes) {
			s.lanes = append(s.lanes, queue{head: none, tail: none, next: none})
		}
		return n
	case Keyed:
	}
	if l, ok := s.byHash[hash]; ok {
		return l
	}
	if s.byHash == nil {
		s.byHash = make(map[uint32]int32)
	}
	if len(s.spare) == 0 {
		s.spare = append(s.spare, int32(len(s.lanes)))
		s.lanes = append(s.lanes, queue{head: none, tail: none, next: none})
		s.hashes = append(s.hashes, 0)
	}
	l := s.spare[len(s.spare)-1]
	s.spare = s.spare[:len(s.spare)-1]
	s.byHash[hash], s.hashes[l] = l, hash
	return l
}

// freeLane takes an empty lane from its hash.
func (s *Scheduler[T]) freeLane(l int32) {
	delete(s.byHash, s.hashes[l])
	s.spare = append(s.spare, l)
}

// freeLanes frees all that are not busy, which must be empty.
func (s *Scheduler[T]) freeLanes() {
	for _, l := range s.byHash {
		if !s.lanes[l].busy {
			s.freeLane(l)
		}
	}
}

// enqueueSlot puts a lane behind the ready ones of its slot.
func (s *Scheduler[T]) enqueueSlot(l int32) {
	n := s.nodes[s.lanes[l].head].slot
	t := &s.slots[n]
	if t.last == none {
		t.first = l
	} else {
		s.lanes[t.last].next = l
	}
	t.last = l
	if !t.listed && !t.parked {
		s.list(n)
	}
}

// list puts a slot behind those to be served.
func (s *Scheduler[T]) list(n int32) {
	s.slots[n].listed, s.slots[n].next = true, none
	if s.last == none {
		s.first = n
	} else {
		s.slots[s.last].next = n
	}
	s.last = n
}

// unlist takes the first slot out.
func (s *Scheduler[T]) unlist() {
	t := &s.slots[s.first]
	if s.first = t.next; s.first == none {
		s.last = none
	}
	t.listed, t.next = false, none
}

// takeSlot is Take for the next slot whose quota allows anything.
func (s *Scheduler[T]) takeSlot(dst []Taken[T], maxItems, maxBytes int) []Taken[T] {
	want := min(max(maxItems, 1), max(s.queued, 1))
	for s.first != none {
		n := s.first
		s.unlist()
		granted := s.quota.Grant(n, want)
		if granted <= 0 {
			s.slots[n].parked = true
			continue
		}
		before := len(dst)
		dst = s.drain(dst, n, granted, maxBytes)
		s.quota.Refund(n, granted-(len(dst)-before))
		if s.slots[n].first != none {
			s.list(n)
		}
		return dst
	}
	return dst
}

// drain takes from the lanes of a slot, and from each only what is of the slot.
func (s *Scheduler[T]) drain(dst []Taken[T], n int32, room, maxBytes int) []Taken[T] {
	bytes, t := 0, &s.slots[n]
	for t.first != none && room > 0 {
		l := t.first
		q := &s.lanes[l]
		lane, taken := l, 0
		if s.mode == Free {
			lane = none
		}
		for q.head != none && room > 0 && s.nodes[q.head].slot == n {
			h := &s.nodes[q.head]
			if bytes+h.size > maxBytes && bytes > 0 {
				room = 0
				break
			}
			dst = append(dst, Taken[T]{Item: h.item, Size: h.size, Lane: lane, Slot: n})
			bytes += h.size
			room--
			taken++
			s.pop(q)
		}
		if taken == 0 {
			break
		}
		if s.mode != Free {
			q.busy = true
			s.busy++
		} else if q.head != none {
			break
		}
		if t.first = q.next; t.first == none {
			t.last = none
		}
		q.ready, q.next = false, none
	}
	return dst
}

// Open lets a slot be served again that Take passed over. It does nothing for
// another.
func (s *Scheduler[T]) Open(n int32) {
	if int(n) >= len(s.slots) || !s.slots[n].parked {
		return
	}
	s.slots[n].parked = false
	if s.slots[n].first != none {
		s.list(n)
	}
}
