package lane

import (
	"fmt"
	"slices"
	"testing"
)

// slotModel is a quota of two slots that are open or closed, and what is known of
// whose turn it is.
type slotModel struct {
	closed [2]bool
	out    [2]int
	last   int     // slot that was served last
	ready  [2]bool // what could have been then
}

func (q *slotModel) Grant(slot int32, want int) int {
	if q.closed[slot] {
		return 0
	}
	q.out[slot] += want
	return want
}

func (q *slotModel) Refund(slot int32, items int) { q.out[slot] -= items }

// slotOf is the slot of item n of a lane: both kinds stand in one lane, save in
// mode Free, where a slot is a lane.
func (m *model) slotOf(lane, n int) int {
	switch {
	case m.slots == nil:
		return 0
	case m.mode == Free:
		return lane
	}
	return (n + lane) / 2 % 2
}

// readySlots is which open slots have a lane that may be taken from.
func (m *model) readySlots() (open [2]bool) {
	if m.slots == nil {
		return open
	}
	for l, w := range m.waiting {
		if len(w) == 0 || m.busy(l) {
			continue
		}
		if slot := m.slotOf(l, w[0]); !m.slots.closed[slot] {
			open[slot] = true
		}
	}
	return open
}

// checkSlots checks one Take: it serves one slot, an open one, in its turn, and
// charges what it took.
func (m *model) checkSlots(ready [2]bool, got []Taken[thing]) {
	q := m.slots
	if q == nil {
		return
	}
	if len(got) == 0 {
		if ready[0] || ready[1] {
			m.t.Fatalf("%s: took nothing, ready are %v", m.trail, ready)
		}
		return
	}
	slot := int(got[0].Slot)
	for _, x := range got {
		if int(x.Slot) != slot || x.Item.slot != slot {
			m.t.Fatalf("%s: an item of slot %d was taken as one of %d", m.trail, x.Item.slot, slot)
		}
	}
	if !ready[slot] {
		m.t.Fatalf("%s: took from slot %d, ready are %v", m.trail, slot, ready)
	}
	if other := 1 - slot; q.last == slot && q.ready[other] && ready[other] {
		m.t.Fatalf("%s: slot %d was served twice while %d was ready", m.trail, slot, other)
	}
	if q.out[slot] != len(got) {
		m.t.Fatalf("%s: %d items are charged, want %d", m.trail, q.out[slot], len(got))
	}
	q.out[slot] = 0
	q.last, q.ready = slot, ready
}

// checkLanes checks that lanes are kept for those only who have anything.
func (m *model) checkLanes() {
	if m.slots == nil || m.mode != Keyed {
		return
	}
	used := 0
	for l, w := range m.waiting {
		if len(w) > 0 || m.busy(l) {
			used++
		}
	}
	if got := len(m.s.byHash); got != used || got+len(m.s.spare) != len(m.s.lanes) {
		m.t.Fatalf("%s: %d lanes in use, %d spare, of %d; want %d in use", m.trail, got, len(m.s.spare), len(m.s.lanes), used)
	}
}

func (m *model) toggle(slot int) {
	q := m.slots
	if q.closed[slot] = !q.closed[slot]; !q.closed[slot] {
		m.s.Open(int32(slot))
	}
	q.last = -1 // it may have lost its turn
}

func TestManyItemsOfOneSlotDelayAnotherByOneTake(t *testing.T) {
	t.Parallel()
	s := NewSlots[thing](Keyed, &slotModel{})
	for i := range 1000 {
		s.PushSlot(0, uint32(i), thing{n: i}, 1)
	}
	s.PushSlot(1, 2000, thing{slot: 1}, 1)
	var served []int32
	for range 3 {
		served = append(served, s.Take(nil, 10, 1000)[0].Slot)
	}
	if want := []int32{0, 1, 0}; !slices.Equal(served, want) {
		t.Errorf("served slots %v, want %v", served, want)
	}
}

type open struct{}

func (open) Grant(_ int32, want int) int { return want }
func (open) Refund(int32, int)           {}

func BenchmarkSlots(b *testing.B) {
	for _, slots := range []uint32{1, 16, 1000} {
		b.Run(fmt.Sprintf("slots=%d", slots), func(b *testing.B) {
			s := NewSlots[pair](Keyed, open{})
			var taken []Taken[pair]
			b.ReportAllocs()
			for n := 0; n < b.N; n += 4096 {
				for k := range uint32(4096) {
					s.PushSlot(int32(k%slots), k*2654435769, pair{uint64(n), uint64(k)}, 100)
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
