package consumer

import "container/heap"

// spanFIFO is spans in order.
type spanFIFO struct{ fifo[span] }

func (q *spanFIFO) look() (messages int, fresh bool) {
	for i := range q.len() {
		sp := q.at(i)
		messages, fresh = messages+sp.size(), fresh || sp.tries == 0
	}
	return messages, fresh
}

// spanQueue is what waits to be written: in order, or fairly between tenants.
type spanQueue struct {
	order spanFIFO
	fair  *fairSpans // nil without tenants
}

func (q *spanQueue) len() int {
	if q.fair != nil {
		return q.fair.waiting
	}
	return q.order.len()
}

// front returns the next span, which must be there.
func (q *spanQueue) front() *span {
	if q.fair != nil {
		return q.fair.slots[q.fair.ready[0]].items.front()
	}
	return q.order.front()
}

func (q *spanQueue) push(sp span) {
	if q.fair != nil {
		q.fair.push(sp, false)
		return
	}
	q.order.push(sp)
}

// pushFront puts a span before those that wait, of its tenant if there are any.
func (q *spanQueue) pushFront(sp span) {
	if q.fair != nil {
		q.fair.push(sp, true)
		return
	}
	q.order.pushFront(sp)
}

func (q *spanQueue) pop() span {
	if q.fair != nil {
		return q.fair.pop()
	}
	return q.order.pop()
}

// look returns how many messages wait, and whether any of them was never tried.
func (q *spanQueue) look() (messages int, fresh bool) {
	if q.fair == nil {
		return q.order.look()
	}
	for _, n := range q.fair.ready {
		m, f := q.fair.slots[n].items.look()
		messages, fresh = messages+m, fresh || f
	}
	return messages, fresh
}

// charge says how many messages of a span, from its first, are written now.
func (s *writeStage) charge(sp *span, messages int) {
	if s.queue.fair == nil || messages == 0 {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queue.fair.charge(sp, messages)
}

// fairSpans queues spans by tenant and serves the tenant that has got least of the
// sink (start-time fair queueing: Goyal, Vin and Cheng, 1996). A tenant that comes
// when others have waited for long begins where they are, so it is next.
//
// It implements heap.Interface over the tenants that have anything.
type fairSpans struct {
	tenants *tenants
	slots   []spanSlot
	ready   []int32
	waiting int
	virtual float64 // start of what was served last
	orders  uint64
	round   uint64 // counts the times that nothing waited: all begin anew then
}

// spanSlot is the spans of one tenant.
type spanSlot struct {
	items spanFIFO
	start float64
	order uint64 // who came first among equal starts
	at    int    // in ready
	round uint64 // in which start was set
}

// costUnit is how many bytes cost a sink as much as a message does.
const costUnit = 1 << 10

func (f *fairSpans) push(sp span, front bool) {
	f.tenants.waits(sp.out.batch.slot, sp.size())
	f.put(sp, front)
}

// put is push for a span that is counted as waiting.
func (f *fairSpans) put(sp span, front bool) {
	n := sp.out.batch.slot
	for int(n) >= len(f.slots) {
		f.slots = append(f.slots, spanSlot{at: -1})
	}
	s := &f.slots[n]
	if front {
		s.items.pushFront(sp)
	} else {
		s.items.push(sp)
	}
	f.waiting++
	if s.at >= 0 {
		return
	}
	f.renew(s)
	s.start = max(s.start, f.virtual)
	f.orders++
	s.order = f.orders
	heap.Push(f, n)
}

func (f *fairSpans) renew(s *spanSlot) {
	if s.round != f.round {
		s.round, s.start = f.round, 0
	}
}

// pop takes the next span. What is written of it is charged after.
func (f *fairSpans) pop() span {
	n := f.ready[0]
	s := &f.slots[n]
	sp := s.items.pop()
	f.virtual = max(f.virtual, s.start)
	f.waiting--
	f.tenants.waits(n, -sp.size())
	if s.items.len() == 0 {
		heap.Remove(f, s.at)
	}
	if f.waiting == 0 {
		f.virtual = 0
		f.round++
	}
	return sp
}

func (f *fairSpans) charge(sp *span, messages int) {
	s := &f.slots[sp.out.batch.slot]
	f.renew(s)
	for _, m := range sp.out.msgs[sp.from : sp.from+messages] {
		s.start += 1 + float64(m.Size())/costUnit
	}
	f.orders++
	s.order = f.orders
	if s.at >= 0 {
		heap.Fix(f, s.at)
	}
}

func (f *fairSpans) Len() int { return len(f.ready) }

func (f *fairSpans) Less(i, j int) bool {
	a, b := &f.slots[f.ready[i]], &f.slots[f.ready[j]]
	return a.start < b.start || a.start == b.start && a.order < b.order
}

func (f *fairSpans) Swap(i, j int) {
	f.ready[i], f.ready[j] = f.ready[j], f.ready[i]
	f.slots[f.ready[i]].at, f.slots[f.ready[j]].at = i, j
}

func (f *fairSpans) Push(x any) {
	n := x.(int32) //nolint:forcetypeassert // only slots are pushed
	f.slots[n].at = len(f.ready)
	f.ready = append(f.ready, n)
}

func (f *fairSpans) Pop() any {
	last := len(f.ready) - 1
	n := f.ready[last]
	f.ready = f.ready[:last]
	f.slots[n].at = -1
	return n
}
