package consumer

import (
	"context"
	"testing"
	"time"

	"github.com/weir-kafka/weir/consumer/internal/lane"
	"github.com/weir-kafka/weir/consumer/internal/offset"
)

// doneBeyond returns the completion map of n records from base on, of which all
// are done but the first.
func doneBeyond(t *testing.T, base int64, n int, epoch int32) offset.Map {
	t.Helper()
	tr := offset.NewTracker()
	for i := range n {
		tr.Push(base+int64(i), epoch)
	}
	for i := 1; i < n; i++ {
		tr.Done(uint64(i))
	}
	text, _ := tr.Map(base, offset.MetadataLimit, offset.Map{})
	m, err := offset.ParseMap(text, base)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// An owner that commits before it has fetched all that an earlier one had done
// beyond its commit, and then loses the partition, must not take that with it.
func TestWhatEarlierOwnersDidIsHandedOn(t *testing.T) {
	for name, tt := range map[string]struct {
		epoch int32
		want  int
	}{
		"the same log":       {epoch: 5, want: 8},
		"another leader":     {epoch: 4, want: 8},
		"the log is another": {epoch: 6, want: 0},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPartition(context.Background(), &Consumer{now: time.Now, laneMode: lane.Keyed}, tp{"in", 0}, 1)
			p.committed, p.skip = 0, doneBeyond(t, 0, 10, 5)
			p.push(records(0, 2, tt.epoch), 10)
			p.tracker.Done(0)
			p.tracker.Done(1)
			m, ok := p.mark()
			if !ok || m.next != 2 || !m.whole {
				t.Fatalf("mark %d, %t, whole %t, want 2 and whole", m.next, ok, m.whole)
			}
			got := 0
			if m.metadata != "" {
				left, err := offset.ParseMap(m.metadata, m.next)
				if err != nil {
					t.Fatal(err)
				}
				for o := m.next; o < 10; o++ {
					if left.Done(o, 5) {
						got++
					}
				}
			}
			if got != tt.want {
				t.Errorf("%d records are handed on as done, want %d", got, tt.want)
			}
		})
	}
}

// plans runs f for every state that a commit of four records can be planned from.
func plans(f func(done, pushed int, left bool, was said)) {
	for done := range 1 << 4 {
		for pushed := range 5 {
			for _, left := range []bool{false, true} {
				for committed := int64(-1); committed <= 4; committed++ {
					for floor := int64(-1); floor <= 4; floor++ {
						for i := range 8 {
							f(done&(1<<pushed-1), pushed, left, said{
								committed: committed, begin: int64(i>>2)*4 - 1, floor: floor, noMap: i&1 == 0, uncommitted: int64(i >> 1 & 1),
							})
						}
					}
				}
			}
		}
	}
}

// Every plan against the naive one: the first record that is not done is what to
// commit, or where the partition starts when there is no record and no commit yet;
// nothing said before is taken back, and what is done beyond stands in the map.
func TestCommitsArePlannedAsByHand(t *testing.T) {
	t.Parallel()
	earlier := doneBeyond(t, 3, 4, 1) // 4, 5 and 6
	count := 0
	plans(func(done, pushed int, left bool, was said) {
		count++
		tr, skip := offset.NewTracker(), new(offset.Map)
		if left {
			skip = &earlier
		}
		for i := range pushed {
			tr.Push(int64(i), 1)
		}
		first, beyond := pushed, 0
		for i := pushed - 1; i >= 0; i-- {
			if done&(1<<i) == 0 {
				first = i
			} else {
				tr.Done(uint64(i))
			}
		}
		for i := first; i < pushed; i++ {
			beyond += done >> i & 1
		}
		if left {
			beyond += 3
		}
		got, ok := plan(tr, skip, was)
		next := int64(first)
		starts := pushed == 0 && was.committed < 0 && was.begin >= 0
		if starts {
			next = was.begin
		}
		withMap := beyond > 0 && !was.noMap
		want := (pushed > 0 || starts) && next >= was.committed && next >= was.floor &&
			(next > was.committed || withMap && was.uncommitted > 0)
		if ok != want {
			t.Fatalf("done %04b of %d, left %t, %+v: planned %t, want %t", done, pushed, left, was, ok, want)
		}
		if !ok {
			return
		}
		if got.next != next || got.covered != was.uncommitted {
			t.Fatalf("done %04b of %d, %+v: next %d, want %d", done, pushed, was, got.next, next)
		}
		if was.noMap && got.beyond != int64(beyond) || !was.noMap && got.beyond != 0 {
			t.Fatalf("done %04b of %d, %+v: %d beyond that no map holds, of %d", done, pushed, was, got.beyond, beyond)
		}
		checkPlanned(t, got, done, pushed, beyond, left)
	})
	if count < 10_000 {
		t.Errorf("%d plans, want all", count)
	}
}

// checkPlanned compares the map of a plan with what is done.
func checkPlanned(t *testing.T, got mark, done, pushed, beyond int, left bool) {
	t.Helper()
	if got.metadata == "" {
		return
	}
	m, err := offset.ParseMap(got.metadata, got.next)
	if err != nil {
		t.Fatal(err)
	}
	if m.Count() != beyond {
		t.Fatalf("done %04b of %d: the map has %d, want %d", done, pushed, m.Count(), beyond)
	}
	for o := got.next; o < 8; o++ {
		want := int(o) < pushed && done>>o&1 == 1 || left && o >= 4 && o <= 6
		if m.Done(o, 1) != want {
			t.Fatalf("done %04b of %d: the map says %t of %d", done, pushed, !want, o)
		}
	}
}
