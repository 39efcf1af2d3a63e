package consumer

import (
	"testing"
	"time"

	"github.com/weir-kafka/weir/sink"
)

// spanOf is a span of n messages of a tenant.
func spanOf(slot int32, n, size int) span {
	o := &out{batch: &batch{slot: slot}, msgs: make([]sink.Message, n)}
	for i := range o.msgs {
		o.msgs[i].Value = make([]byte, size)
	}
	return span{out: o, to: n}
}

func newFairSpans(slots int) *fairSpans {
	t := newTenants(TenantConfig{Key: true}, nil, time.Now, 1, nil)
	for range slots {
		t.slots = append(t.slots, &tenant{})
	}
	return &fairSpans{tenants: t}
}

// take pops the next span and writes most messages of it; the rest goes back.
func (f *fairSpans) take(most int) (slot int32, messages int) {
	sp := f.pop()
	n := min(sp.size(), most)
	f.charge(&sp, n)
	if n < sp.size() {
		sp.from += n
		f.push(sp, true)
	}
	return sp.out.batch.slot, n
}

func TestASinkIsSharedByMessagesAndNotBySpans(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		first, second  int // messages of a span
		size           int // bytes of a message of the first
		least, highest float64
	}{
		"one large span":  {100, 1, 0, 0.9, 1.1},
		"equal":           {10, 10, 0, 0.9, 1.1},
		"larger messages": {10, 10, 3 << 10, 0.22, 0.28},
	} {
		f := newFairSpans(2)
		for range 4000 / c.first {
			f.push(spanOf(0, c.first, c.size), false)
		}
		for range 4000 / c.second {
			f.push(spanOf(1, c.second, 0), false)
		}
		var got [2]int
		for got[0]+got[1] < 2000 {
			slot, n := f.take(100)
			got[slot] += n
		}
		if ratio := float64(got[0]) / float64(got[1]); ratio < c.least || ratio > c.highest {
			t.Errorf("%s: wrote %v messages, ratio %.2f, want %.2f to %.2f", name, got, ratio, c.least, c.highest)
		}
	}
}

func TestATenantThatComesLateIsNextAndHasNoCredit(t *testing.T) {
	t.Parallel()
	f := newFairSpans(2)
	for range 100 {
		f.push(spanOf(0, 100, 0), false)
	}
	for range 50 {
		f.take(10)
	}
	for range 100 {
		f.push(spanOf(1, 10, 0), false)
	}
	if slot, _ := f.take(10); slot != 1 {
		t.Errorf("slot %d is served first, want the one that came", slot)
	}
	var got [2]int
	for range 20 {
		slot, n := f.take(10)
		got[slot] += n
	}
	if got[0] < 90 || got[1] < 90 {
		t.Errorf("wrote %v of each after, want the same", got)
	}
}

// Whatever is given back and taken, the order within a tenant stays and what
// waits is counted.
func TestSpansOfATenantStayInOrder(t *testing.T) {
	t.Parallel()
	f := newFairSpans(3)
	next, at := [3]int{}, [3]int{}
	for i := range 3000 {
		slot := i * i % 3
		sp := spanOf(int32(slot), 1+i%7, 0)
		for k := range sp.out.msgs {
			sp.out.msgs[k].Source.Offset = int64(next[slot])
			next[slot]++
		}
		f.push(sp, false)
		if i%2 == 0 {
			continue
		}
		sp = f.pop()
		n := 1 + i%sp.size()
		f.charge(&sp, n)
		s := sp.out.batch.slot
		for k := range n {
			if got := sp.out.msgs[sp.from+k].Source.Offset; got != int64(at[s]) {
				t.Fatalf("step %d: message %d of tenant %d, want %d", i, got, s, at[s])
			}
			at[s]++
		}
		if n < sp.size() {
			sp.from += n
			f.push(sp, true)
		}
	}
	for f.waiting > 0 {
		f.take(3)
	}
	if f.tenants.waiting != 0 || len(f.ready) != 0 {
		t.Errorf("%d messages are counted and %d tenants ready, want none", f.tenants.waiting, len(f.ready))
	}
}
