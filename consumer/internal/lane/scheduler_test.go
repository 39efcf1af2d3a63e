package lane

import (
	"fmt"
	"testing"
)

// thing is an item that knows its lane, its place in it and its slot.
type thing struct{ lane, n, slot int }

// model drives a scheduler and checks after every step what must always hold:
// items of a lane come in order, never while others of the lane are out, and
// none is lost or seen twice.
type model struct {
	t       *testing.T
	s       *Scheduler[thing]
	mode    Mode
	pushed  [4]int
	waiting [4][]int // by lane, in order
	out     [][]Taken[thing]
	trail   string
	slots   *slotModel // nil without slots
}

func newModel(t *testing.T, mode Mode, slots bool) *model {
	m := &model{t: t, mode: mode}
	if m.s = New[thing](mode, 2); slots {
		m.slots = &slotModel{last: -1}
		m.s = NewSlots[thing](mode, m.slots)
	}
	return m
}

func (m *model) laneOf(k int) int {
	switch {
	case m.mode == Keyed:
		return k
	case m.mode == Free && m.slots != nil:
		return k % 2
	}
	return 0
}

func (m *model) busy(l int) bool {
	if m.mode == Free {
		return false
	}
	for _, b := range m.out {
		for _, x := range b {
			if x.Item.lane == l {
				return true
			}
		}
	}
	return false
}

func (m *model) push(k int) {
	l := m.laneOf(k)
	slot := m.slotOf(l, m.pushed[l])
	m.s.PushSlot(int32(slot), uint32(k), thing{l, m.pushed[l], slot}, 10+k)
	m.waiting[l] = append(m.waiting[l], m.pushed[l])
	m.pushed[l]++
}

func (m *model) take(items, bytes int) {
	ready := m.readySlots()
	got := m.s.Take(nil, items, bytes)
	m.checkSlots(ready, got)
	if len(got) == 0 {
		return
	}
	sum := 0
	for i, x := range got {
		l := x.Item.lane
		if m.busy(l) {
			m.t.Fatalf("%s: lane %d was taken from while busy", m.trail, l)
		}
		if len(m.waiting[l]) == 0 || m.waiting[l][0] != x.Item.n {
			m.t.Fatalf("%s: got item %d of lane %d, want one of %v", m.trail, x.Item.n, l, m.waiting[l])
		}
		m.waiting[l] = m.waiting[l][1:]
		if i > 0 && got[i-1].Lane != x.Lane {
			for _, y := range got[:i] {
				if y.Lane == x.Lane {
					m.t.Fatalf("%s: the items of lane %d do not stand together", m.trail, x.Lane)
				}
			}
		}
		sum += x.Size
	}
	if len(got) > max(items, 1) || len(got) > 1 && sum > bytes {
		m.t.Fatalf("%s: took %d items of %d bytes, asked for %d and %d", m.trail, len(got), sum, items, bytes)
	}
	m.out = append(m.out, got)
}

// release gives back the lanes of the batch that has been out for longest.
func (m *model) release() {
	if len(m.out) == 0 {
		return
	}
	b := m.out[0]
	m.out = m.out[1:]
	for i, x := range b {
		if first := i == 0 || b[i-1].Lane != x.Lane; first != m.s.Release(x.Lane) && x.Lane >= 0 {
			m.t.Fatalf("%s: Release(%d) = %t", m.trail, x.Lane, !first)
		}
	}
}

// giveBack keeps n items of the newest batch and returns the others.
func (m *model) giveBack(n int) {
	if len(m.out) == 0 {
		return
	}
	k := len(m.out) - 1
	b := m.out[k]
	n = min(n, len(b))
	kept := int32(-2)
	if m.out[k] = b[:n:n]; n == 0 {
		m.out = m.out[:k]
	} else {
		kept = b[n-1].Lane
	}
	for i := len(b) - 1; i >= n; i-- {
		l := b[i].Item.lane
		m.waiting[l] = append([]int{b[i].Item.n}, m.waiting[l]...)
	}
	m.s.Return(b[n:], kept)
}

func (m *model) drop() {
	n := 0
	for l := range m.waiting {
		n += len(m.waiting[l])
		m.waiting[l] = nil
	}
	m.s.Drop(func(int32, int) { n-- })
	if m.slots != nil {
		m.slots.last = -1
	}
	if n != 0 {
		m.t.Fatalf("%s: dropped %d items too few", m.trail, n)
	}
}

func (m *model) check() {
	queued, ready, lanes := 0, false, map[int]bool{}
	var bytes int64
	for l, w := range m.waiting {
		queued += len(w)
		ready = ready || len(w) > 0 && !m.busy(l)
		if m.busy(l) {
			lanes[l] = true
		}
	}
	seen := 0
	m.s.Each(func(*thing) { seen++ })
	for i := range m.s.lanes {
		for n := m.s.lanes[i].head; n != none; n = m.s.nodes[n].next {
			bytes += int64(m.s.nodes[n].size)
		}
	}
	if m.s.Queued() != queued || seen != queued || m.s.QueuedBytes() != bytes {
		m.t.Fatalf("%s: %d queued, %d seen, %d bytes, want %d of %d", m.trail, m.s.Queued(), seen, m.s.QueuedBytes(), queued, bytes)
	}
	if m.slots != nil { // one that is closed is noticed by Take
		open := m.readySlots()
		ready = open[0] || open[1] || m.s.Ready() && ready
	}
	if m.s.Ready() != ready {
		m.t.Fatalf("%s: Ready() = %t", m.trail, !ready)
	}
	m.checkLanes()
	if m.s.Busy() != len(lanes) {
		m.t.Fatalf("%s: Busy() = %d, want %d", m.trail, m.s.Busy(), len(lanes))
	}
}

// step does one of the things that can be done.
func (m *model) step(op int) {
	m.trail += fmt.Sprintf(" %d", op)
	switch op {
	case 0, 1, 2:
		m.push(op)
	case 3:
		m.take(1, 1000)
	case 4:
		m.take(3, 1000)
	case 5:
		m.take(100, 22)
	case 6:
		m.release()
	case 7:
		m.giveBack(1)
	case 8:
		m.giveBack(0)
	case 9:
		m.drop()
	case 10:
		if m.s.Idle() != (m.s.Queued() == 0 && m.s.Busy() == 0) {
			m.t.Fatalf("%s: Idle is wrong", m.trail)
		}
	case 11:
		m.toggle(0)
	case 12:
		m.toggle(1)
	}
	m.check()
}

// The last two need slots.
const ops, slotOps = 11, 13

// drain takes everything out, so that a loss shows.
func (m *model) drain() {
	for i := range 2 {
		if m.slots != nil && m.slots.closed[i] {
			m.toggle(i)
		}
	}
	for range 1000 {
		if m.s.Queued() == 0 && len(m.out) == 0 {
			return
		}
		m.step(4)
		m.step(6)
	}
	m.t.Fatalf("%s: %d items never came", m.trail, m.s.Queued())
}

// Every sequence of six steps; of five with slots.
func TestSchedulerExhaustively(t *testing.T) {
	for _, mode := range []Mode{Keyed, Serial, Free} {
		exhaust(t, 6, ops, func() *model { return newModel(t, mode, false) })
		exhaust(t, 5, slotOps, func() *model { return newModel(t, mode, true) })
	}
}

func exhaust(t *testing.T, n, ops int, fresh func() *model) {
	t.Helper()
	total := 1
	for range n {
		total *= ops
	}
	if testing.Short() {
		total /= 100
	}
	for seq := range total {
		m := fresh()
		for k := seq; k > 0; k /= ops {
			m.step(k % ops)
		}
		m.drain()
	}
}

func FuzzScheduler(f *testing.F) {
	f.Add(uint8(0), []byte{0, 0, 1, 2, 4, 0, 1, 7, 6, 4, 6, 10})
	f.Add(uint8(2), []byte{0, 1, 2, 3, 8, 4, 9, 0, 5, 6})
	f.Add(uint8(3), []byte{0, 0, 1, 11, 4, 0, 1, 12, 3, 11, 8, 4, 9, 0, 12, 6})
	f.Add(uint8(5), []byte{0, 1, 2, 3, 11, 8, 4, 9, 0, 5, 11, 6})
	f.Fuzz(func(t *testing.T, mode uint8, steps []byte) {
		m, ops := newModel(t, Mode(mode%3), mode%6 > 2), ops
		if m.slots != nil {
			ops = slotOps
		}
		for _, s := range steps[:min(len(steps), 300)] {
			m.step(int(s) % ops)
		}
		m.drain()
	})
}

// pair is as large as a consumer's item.
type pair struct{ a, b uint64 }

func BenchmarkScheduler(b *testing.B) {
	for _, keys := range []uint32{1, 100, 100_000} {
		b.Run(fmt.Sprintf("keys=%d", keys), func(b *testing.B) {
			s := New[pair](Keyed, 12)
			var taken []Taken[pair]
			b.ReportAllocs()
			for n := 0; n < b.N; n += 256 {
				for k := range uint32(256) {
					s.Push((uint32(n)+k)%keys*2654435769, pair{uint64(n), uint64(k)}, 100)
				}
				for s.Ready() {
					taken = s.Take(taken[:0], 4096, 1<<20)
					for i := range taken {
						if i == 0 || taken[i-1].Lane != taken[i].Lane {
							s.Release(taken[i].Lane)
						}
					}
				}
			}
		})
	}
}
