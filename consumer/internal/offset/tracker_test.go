package offset

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// naive is the tracker as anyone would write it first.
type naive struct {
	offsets []int64
	epochs  []int32
	done    []bool
}

func (n *naive) push(offset int64, epoch int32) {
	n.offsets, n.epochs, n.done = append(n.offsets, offset), append(n.epochs, epoch), append(n.done, false)
}

func (n *naive) base() int {
	for i, d := range n.done {
		if !d {
			return i
		}
	}
	return len(n.done)
}

func (n *naive) beyond() (count int) {
	for _, d := range n.done[n.base():] {
		if d {
			count++
		}
	}
	return count
}

// same compares everything that a tracker can be asked.
func same(t *testing.T, got *Tracker, want *naive) {
	t.Helper()
	b := want.base()
	next, epoch, ok := got.Commit()
	if ok != (b > 0) || ok && (next != want.offsets[b-1]+1 || epoch != want.epochs[b-1]) {
		t.Fatalf("Commit() = %d, %d, %t with %d of %v done", next, epoch, ok, b, want.offsets)
	}
	oldest, ok := got.Oldest()
	if ok != (b < len(want.done)) || ok && oldest != want.offsets[b] {
		t.Fatalf("Oldest() = %d, %t, want index %d of %v", oldest, ok, b, want.offsets)
	}
	if k := len(want.offsets) - 1; k >= 0 {
		if last, e, ok := got.Last(); !ok || last != want.offsets[k] || e != want.epochs[k] {
			t.Fatalf("Last() = %d, %d, %t, want %d", last, e, ok, want.offsets[k])
		}
	}
	if got.Beyond() != want.beyond() || got.Pending() != len(want.done)-b-want.beyond() {
		t.Fatalf("Beyond() = %d, Pending() = %d, want %d beyond", got.Beyond(), got.Pending(), want.beyond())
	}
	checkMap(t, got, want, b)
}

// checkMap compares the tracker's map, read back, with what is done.
func checkMap(t *testing.T, got *Tracker, want *naive, b int) {
	t.Helper()
	if b == len(want.done) {
		return
	}
	commit := want.offsets[b]
	if next, _, ok := got.Commit(); ok {
		commit = next
	}
	text, whole := got.Map(commit, MetadataLimit, Map{})
	if !whole {
		t.Fatal("a small map did not fit")
	}
	if text == "" {
		if want.beyond() != 0 {
			t.Fatal("no map although records are done beyond the watermark")
		}
		return
	}
	m, err := ParseMap(text, commit)
	if err != nil {
		t.Fatal(err)
	}
	if m.Count() != want.beyond() {
		t.Fatalf("the map has %d, want %d", m.Count(), want.beyond())
	}
	for i, o := range want.offsets {
		if m.Done(o, want.epochs[i]) != (i >= b && want.done[i]) {
			t.Fatalf("offset %d: Done is %t", o, m.Done(o, want.epochs[i]))
		}
	}
}

// Every order in which five records can be done, over every pattern of gaps and
// epochs between them.
func TestTrackerExhaustively(t *testing.T) {
	const n = 5
	for pattern := range 1 << (2 * n) {
		var perm [n]int
		permute(perm[:0], 0, func(order []int) {
			tr, want := NewTracker(), new(naive)
			at, epoch := int64(100), int32(3)
			for i := range n {
				at += 1 + int64(pattern>>(2*i)&1)*7
				epoch += int32(pattern >> (2*i + 1) & 1)
				if seq := tr.Push(at, epoch); seq != uint64(i) {
					t.Fatalf("record %d is known as %d", i, seq)
				}
				want.push(at, epoch)
			}
			same(t, tr, want)
			for _, k := range order {
				if !tr.Done(uint64(k)) || tr.Done(uint64(k)) {
					t.Fatal("Done is true once, and only once")
				}
				want.done[k] = true
				same(t, tr, want)
			}
		}, n)
	}
}

func permute(prefix []int, used int, f func([]int), n int) {
	if len(prefix) == n {
		f(prefix)
		return
	}
	for k := range n {
		if used&(1<<k) == 0 {
			permute(append(prefix[:len(prefix):len(prefix)], k), used|1<<k, f, n)
		}
	}
}

func TestTrackerKnowsNothingAtFirst(t *testing.T) {
	tr := NewTracker()
	if _, _, ok := tr.Commit(); ok {
		t.Error("there is something to commit")
	}
	if _, _, ok := tr.Last(); ok {
		t.Error("there is a last record")
	}
	if tr.Done(0) {
		t.Error("a record that never was is done")
	}
}

// FuzzTracker drives a tracker and the naive model with the same steps.
func FuzzTracker(f *testing.F) {
	f.Add([]byte{0, 0, 0, 129, 128, 130})
	f.Add([]byte("a long run of pushes \x80\x81\x90\xa0\xff and dones"))
	f.Add([]byte("and of runs that are done \x8b\xc8\xaf\x81\x8f\xff\xe9\x88 beyond the last"))
	f.Fuzz(func(t *testing.T, steps []byte) {
		tr, want := NewTracker(), new(naive)
		at, epoch := int64(0), int32(0)
		for _, s := range steps {
			if s < 128 || len(want.done) == 0 { // a run of records after a gap
				at += int64(s >> 5)
				epoch += int32(s >> 4 & 1)
				for range 1 + int(s&15)*9 {
					tr.Push(at, epoch)
					want.push(at, epoch)
					at++
				}
				continue
			}
			k := int(s&127) * len(want.done) / 128
			end := k + 1 + int(s&7)*20 // may lie behind the last
			if s&8 != 0 {
				tr.DoneRun(uint64(k), end-k)
			}
			for j := k; j < min(end, len(want.done)); j++ {
				if s&8 == 0 && tr.Done(uint64(j)) == want.done[j] {
					t.Fatalf("Done(%d) = %t", j, !want.done[j])
				}
				want.done[j] = true
			}
		}
		if len(want.done) > 0 {
			same(t, tr, want)
		}
	})
}

// A window moves over a million records with holes and stays small.
func TestTrackerMemoryFollowsItsWindow(t *testing.T) {
	tr, rng := NewTracker(), rand.New(rand.NewPCG(1, 2))
	var out []uint64
	for i := range 1 << 20 {
		out = append(out, tr.Push(int64(i*2), 0)) // compacted: no two offsets follow each other
		if len(out) > 1000 {
			k := rng.IntN(len(out))
			if tr.Pending() > 900 {
				k = 0
			}
			tr.Done(out[k])
			out = append(out[:k], out[k+1:]...)
		}
	}
	for _, seq := range out {
		tr.Done(seq)
	}
	if next, _, _ := tr.Commit(); next != (1<<20-1)*2+1 {
		t.Errorf("committed %d", next)
	}
	if got := tr.Bytes(); got > 4<<20 {
		t.Errorf("an empty window takes %d bytes", got)
	}
}

// What a million records in flight cost, with the first one stuck.
func TestTrackerCostsABitARecord(t *testing.T) {
	tr := NewTracker()
	for i := range 1_000_000 {
		tr.Push(int64(i), 0)
	}
	for i := 1; i < 1_000_000; i++ {
		tr.Done(uint64(i))
	}
	if got := tr.Bytes(); got > 300_000 {
		t.Errorf("a window of a million takes %d bytes", got)
	}
	text, whole := tr.Map(0, MetadataLimit, Map{})
	if !whole || len(text) > 64 {
		t.Errorf("one hole takes %d characters, whole: %t", len(text), whole)
	}
}

func BenchmarkTracker(b *testing.B) {
	for _, lag := range []int{1, 64, 4096} {
		b.Run(fmt.Sprintf("lag=%d", lag), func(b *testing.B) {
			tr := NewTracker()
			b.ReportAllocs()
			for i := range b.N {
				tr.Push(int64(i), 0)
				if i >= lag {
					tr.Done(uint64(i - lag))
				}
			}
		})
	}
}
