// Package lane decides which record may run next without breaking order.
//
// A lane is an ordering domain: its items are taken in order, and while some of
// them are out no others are. The scheduler is a plain data structure without a
// lock, clock or goroutine, and without an allocation per item once it has
// grown to its working size.
package lane

// Mode says how items are spread over lanes.
type Mode uint8

// The modes.
const (
	Keyed  Mode = iota // by hash, over many lanes
	Serial             // one lane: the items of a partition stay in order
	Free               // no lanes: no order, nothing is ever busy
)

// none marks the end of a list; the node and lane lists both use it.
const none = -1

// Taken is an item that was taken, with the lane that must be released after.
// In mode Free the lane is -1 and there is nothing to release.
type Taken[T any] struct {
	Item T
	Size int
	Lane int32
	Slot int32 // whose item it is; 0 without slots
}

type node[T any] struct {
	item T
	size int
	next int32
	slot int32
}

// queue is one lane: a list of nodes, and its place in the list of ready lanes.
type queue struct {
	head, tail int32
	next       int32
	busy       bool
	ready      bool
}

// Scheduler holds the items of one partition in lanes. Use [New].
type Scheduler[T any] struct {
	mode Mode
	mask uint32

	lanes       []queue
	nodes       []node[T]
	free        int32 // first free node
	first, last int32 // ready lanes; with slots: slots to be served
	slots       []slot
	quota       Quota // nil without slots

	// With slots a hash has a lane of its own while it has items, in mode Keyed.
	byHash map[uint32]int32
	hashes []uint32 // by lane
	spare  []int32  // lanes of no hash

	queued int
	bytes  int64
	busy   int
}

// New returns an empty scheduler. In mode Keyed it has 2^bits lanes; they take
// memory only while items are queued or taken.
func New[T any](mode Mode, bits uint) *Scheduler[T] {
	s := &Scheduler[T]{mode: mode, free: none, first: none, last: none}
	if mode == Keyed {
		s.mask = 1<<bits - 1
	}
	return s
}

// Push puts an item behind the others of its lane. The size counts towards a
// Take's bytes.
func (s *Scheduler[T]) Push(hash uint32, item T, size int) { s.PushSlot(0, hash, item, size) }

// PushSlot is [Scheduler.Push] for an item of a slot, from 0 up. Without slots
// it must be 0.
func (s *Scheduler[T]) PushSlot(slot int32, hash uint32, item T, size int) {
	l := int32(hash & s.mask)
	if s.quota != nil {
		l = s.laneFor(slot, hash)
	}
	s.open()
	n := s.alloc()
	s.nodes[n] = node[T]{item: item, size: size, next: none, slot: slot}
	q := &s.lanes[l]
	if q.tail == none {
		q.head = n
	} else {
		s.nodes[q.tail].next = n
	}
	q.tail = n
	s.queued++
	s.bytes += int64(size)
	if !q.busy && !q.ready {
		s.enqueue(l)
	}
}

// open makes the lanes, if there are none.
func (s *Scheduler[T]) open() {
	if s.lanes != nil {
		return
	}
	s.lanes = make([]queue, s.mask+1)
	for i := range s.lanes {
		s.lanes[i] = queue{head: none, tail: none, next: none}
	}
}

// Take appends items of ready lanes to dst until it has taken maxItems items or
// another would make more than maxBytes bytes; at least one item, if any lane is
// ready. Items of one lane stand together, in order. Their lanes are busy until
// they are released.
func (s *Scheduler[T]) Take(dst []Taken[T], maxItems, maxBytes int) []Taken[T] {
	if s.quota != nil {
		return s.takeSlot(dst, maxItems, maxBytes)
	}
	bytes, room := 0, max(maxItems, 1)
	for s.first != none && room > 0 {
		l := s.first
		q := &s.lanes[l]
		lane := l
		if s.mode == Free {
			lane = none
		}
		taken := 0
		for q.head != none && room > 0 {
			n := &s.nodes[q.head]
			if bytes+n.size > maxBytes && bytes > 0 {
				room = 0
				break
			}
			dst = append(dst, Taken[T]{Item: n.item, Size: n.size, Lane: lane})
			bytes += n.size
			room--
			taken++
			s.pop(q)
		}
		if taken == 0 {
			break
		}
		if s.mode != Free {
			s.dequeue()
			q.busy = true
			s.busy++
		} else if q.head == none {
			s.dequeue()
		}
	}
	return dst
}

// Release makes a lane that was taken from idle again, behind the other ready
// lanes if it has items. It returns false, and does nothing, for a lane that is
// not busy; releasing -1 does nothing and is right.
func (s *Scheduler[T]) Release(lane int32) bool {
	if lane == none {
		return true
	}
	if lane < 0 || int(lane) >= len(s.lanes) || !s.lanes[lane].busy {
		return false
	}
	q := &s.lanes[lane]
	q.busy = false
	s.busy--
	if q.head != none {
		s.enqueue(lane)
	} else if s.byHash != nil {
		s.freeLane(lane)
	}
	return true
}

// Return gives back items that were taken and not begun, in the order in which
// they were taken: they stand before the others of their lanes again. Lanes that
// were busy with them are released, but for the lane kept, of which an item is
// still out. All items of another lane must come back together.
func (s *Scheduler[T]) Return(taken []Taken[T], kept int32) {
	s.open()
	for i := len(taken) - 1; i >= 0; i-- {
		t := &taken[i]
		l := max(t.Lane, 0)
		if s.quota != nil {
			if s.slotFor(t.Slot); t.Lane == none {
				l = s.laneFor(t.Slot, 0)
			}
		}
		n := s.alloc()
		q := &s.lanes[l]
		s.nodes[n] = node[T]{item: t.Item, size: t.Size, next: q.head, slot: t.Slot}
		q.head = n
		if q.tail == none {
			q.tail = n
		}
		s.queued++
		s.bytes += int64(t.Size)
		switch {
		case t.Lane == none:
			if !q.ready {
				s.enqueue(l)
			}
		case t.Lane != kept && (i == 0 || taken[i-1].Lane != t.Lane):
			s.Release(t.Lane)
		}
	}
}

// Ready reports whether Take would return anything.
func (s *Scheduler[T]) Ready() bool { return s.first != none }

// Queued returns how many items wait.
func (s *Scheduler[T]) Queued() int { return s.queued }

// QueuedBytes returns the sizes of the items that wait.
func (s *Scheduler[T]) QueuedBytes() int64 { return s.bytes }

// Busy returns how many lanes are taken from and not released.
func (s *Scheduler[T]) Busy() int { return s.busy }

// Drop removes every item that waits and tells f of it. Busy lanes stay busy.
func (s *Scheduler[T]) Drop(f func(slot int32, size int)) {
	for i := range s.lanes {
		q := &s.lanes[i]
		for n := q.head; n != none; n = s.nodes[n].next {
			f(s.nodes[n].slot, s.nodes[n].size)
		}
		q.head, q.tail, q.next, q.ready = none, none, none, false
	}
	s.first, s.last, s.slots = none, none, nil
	s.freeLanes()
	s.nodes, s.free = nil, none
	s.queued, s.bytes = 0, 0
}

// Each calls f for every item that waits, lane by lane in order. It may change
// the item, but not its size.
func (s *Scheduler[T]) Each(f func(item *T)) {
	for i := range s.lanes {
		for n := s.lanes[i].head; n != none; n = s.nodes[n].next {
			f(&s.nodes[n].item)
		}
	}
}

func (s *Scheduler[T]) alloc() int32 {
	if s.free == none {
		s.nodes = append(s.nodes, node[T]{})
		return int32(len(s.nodes) - 1)
	}
	n := s.free
	s.free = s.nodes[n].next
	return n
}

// pop removes the head of q and frees its node, so that what it pointed to is
// not kept alive.
func (s *Scheduler[T]) pop(q *queue) {
	n := q.head
	s.queued--
	s.bytes -= int64(s.nodes[n].size)
	q.head = s.nodes[n].next
	if q.head == none {
		q.tail = none
	}
	s.nodes[n] = node[T]{next: s.free}
	s.free = n
	if s.queued == 0 { // in order again: the list of free ones leads all over memory
		s.nodes, s.free = s.nodes[:0], none
	}
}

func (s *Scheduler[T]) enqueue(l int32) {
	s.lanes[l].ready, s.lanes[l].next = true, none
	if s.quota != nil {
		s.enqueueSlot(l)
		return
	}
	if s.last == none {
		s.first = l
	} else {
		s.lanes[s.last].next = l
	}
	s.last = l
}

func (s *Scheduler[T]) dequeue() {
	q := &s.lanes[s.first]
	s.first = q.next
	if s.first == none {
		s.last = none
	}
	q.ready, q.next = false, none
}

// Idle frees everything, if nothing is queued and no lane is busy. It reports
// whether it did. What a burst took is kept until then: to free it whenever the
// queue is empty for a moment costs more than to queue.
func (s *Scheduler[T]) Idle() bool {
	if s.queued > 0 || s.busy > 0 {
		return false
	}
	s.lanes, s.nodes, s.free, s.slots = nil, nil, none, nil
	s.byHash, s.hashes, s.spare = nil, nil, nil
	return true
}
