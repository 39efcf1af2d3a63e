package flow_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weir-kafka/weir/flow"
)

// naiveItem and naiveQueue are the queue as one would write it without a care for
// speed: a slice, oldest first.
type naiveItem struct {
	id, size int
	expires  time.Time
}

type naiveQueue struct {
	items, dropped     []naiveItem
	filled             time.Time
	adaptive           bool
	maxItems, maxBytes int
}

func (n *naiveQueue) bytes() (sum int) {
	for _, i := range n.items {
		sum += i.size
	}
	return sum
}

func (n *naiveQueue) room(size int) bool {
	return len(n.items) == 0 || len(n.items) < n.maxItems && n.bytes()+size <= n.maxBytes
}

func (n *naiveQueue) drop(i int) {
	n.dropped = append(n.dropped, n.items[i])
	n.items = slices.Delete(n.items, i, i+1)
}

func (n *naiveQueue) expire(now time.Time) {
	for n.adaptive && len(n.items) > 0 && now.After(n.items[0].expires) {
		n.drop(0)
	}
}

func (n *naiveQueue) push(now time.Time, id, size int, displace bool) bool {
	n.expire(now)
	for displace && !n.room(size) {
		n.drop(0)
	}
	if !n.room(size) {
		return false
	}
	if len(n.items) == 0 {
		n.filled = now
	}
	wait := 100 * time.Millisecond
	if now.Sub(n.filled) > 100*time.Millisecond {
		wait = 5 * time.Millisecond
	}
	n.items = append(n.items, naiveItem{id, size, now.Add(wait)})
	return true
}

func (n *naiveQueue) pop(now time.Time) (int, bool) {
	for len(n.items) > 0 {
		i := 0
		if n.adaptive && now.Sub(n.filled) > 100*time.Millisecond {
			i = len(n.items) - 1
		}
		it := n.items[i]
		if !n.adaptive || !now.After(it.expires) {
			n.items = slices.Delete(n.items, i, i+1)
			return it.id, true
		}
		n.drop(i)
	}
	return 0, false
}

type idSize struct{ id, size int }

func playQueue(t *testing.T, adaptive bool, moves []byte) {
	t.Helper()
	now := time.Unix(0, 0)
	var dropped []int
	q := flow.Queue[idSize]{
		MaxItems: 6, MaxBytes: 50, Adaptive: adaptive,
		SizeFunc: func(i idSize) int { return i.size },
		DropFunc: func(i idSize) { dropped = append(dropped, i.id) },
		NowFunc:  func() time.Time { return now },
	}
	naive := naiveQueue{adaptive: adaptive, maxItems: 6, maxBytes: 50}
	for id, m := range moves {
		now = now.Add(time.Duration(m>>4) * 2 * time.Millisecond)
		size := int(m) * 7 % 60
		switch m & 3 {
		case 0:
			got, want := q.TryPush(idSize{id, size}), naive.push(now, id, size, false)
			if got != want {
				t.Fatalf("move %d: TryPush %v, want %v", id, got, want)
			}
		case 1:
			if q.Displace(idSize{id, size}) != naive.push(now, id, size, true) {
				t.Fatalf("move %d: Displace refused", id)
			}
		default:
			it, ok := q.TryPop()
			want, wantOK := naive.pop(now)
			if it.id != want || ok != wantOK {
				t.Fatalf("move %d: got %d %v, want %d %v", id, it.id, ok, want, wantOK)
			}
		}
		items, bytes := q.Len()
		if items != len(naive.items) || bytes != naive.bytes() {
			t.Fatalf("move %d: %d items of %d bytes, want %d of %d", id, items, bytes, len(naive.items), naive.bytes())
		}
		if bytes > 50 && items > 1 {
			t.Fatalf("move %d: %d bytes in %d items", id, bytes, items)
		}
	}
	var want []int
	for _, d := range naive.dropped {
		want = append(want, d.id)
	}
	if !slices.Equal(dropped, want) {
		t.Fatalf("dropped %v, want %v", dropped, want)
	}
}

func TestQueueDoesWhatANaiveOneDoes(t *testing.T) {
	t.Parallel()
	for seed := range uint64(200) {
		rng := rand.New(rand.NewPCG(seed, 3))
		moves := make([]byte, 500)
		for i := range moves {
			moves[i] = byte(rng.Uint32())
			if rng.IntN(4) > 0 {
				moves[i] &= 0x3f // mostly short steps, so that it fills
			}
		}
		playQueue(t, seed%2 == 0, moves)
	}
}

func FuzzQueue(f *testing.F) {
	f.Add(true, []byte{0, 1, 2, 0xf0, 0xf1, 0xf2})
	f.Fuzz(func(t *testing.T, adaptive bool, moves []byte) { playQueue(t, adaptive, moves) })
}

func TestAdaptiveQueueServesTheNewestUnderOverload(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var dropped []int
		q := flow.Queue[int]{Adaptive: true, DropFunc: func(i int) { dropped = append(dropped, i) }}
		for i := range 3 {
			q.TryPush(i)
		}
		time.Sleep(99 * time.Millisecond)
		if got, _ := q.TryPop(); got != 0 {
			t.Fatalf("got %d, want the oldest: nothing is wrong yet", got)
		}
		q.TryPush(3)
		time.Sleep(2 * time.Millisecond) // not empty for 101 ms; 1 and 2 have waited too long
		q.TryPush(4)
		q.TryPush(5)
		time.Sleep(2 * time.Millisecond)
		if got, _ := q.TryPop(); got != 5 {
			t.Fatalf("got %d, want the newest", got)
		}
		time.Sleep(4 * time.Millisecond) // 4 came under overload and may wait 5 ms, 3 came before
		if got, _ := q.TryPop(); got != 3 {
			t.Fatalf("got %d, want 3, who came when there was time", got)
		}
		if want := []int{1, 2, 4}; !slices.Equal(dropped, want) {
			t.Fatalf("dropped %v, want %v", dropped, want)
		}
	})
}

func TestQueueSkipsWhatNobodyWaitsFor(t *testing.T) {
	t.Parallel()
	q := flow.Queue[int]{GoneFunc: func(i int) bool { return i < 3 }}
	for i := range 5 {
		q.TryPush(i)
	}
	if got, ok := q.TryPop(); got != 3 || !ok {
		t.Fatalf("got %d %v, want 3", got, ok)
	}
}

func TestPushWaitsForRoomInTheOrderOfArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := flow.Queue[int]{MaxItems: 2}
		var all sync.WaitGroup
		for i := range 5 {
			all.Go(func() {
				if err := q.Push(t.Context(), i); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		if q.TryPush(9) {
			t.Error("TryPush overtook those who wait")
		}
		for want := range 5 {
			if got, err := q.Pop(t.Context()); got != want || err != nil {
				t.Fatalf("got %d %v, want %d", got, err, want)
			}
		}
		all.Wait()
	})
}

func TestNobodyOvertakesALargeItemThatWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := flow.Queue[int]{MaxBytes: 10, SizeFunc: func(i int) int { return i }}
		q.TryPush(8)
		go func() { _ = q.Push(t.Context(), 5) }()
		synctest.Wait()
		go func() { _ = q.Push(t.Context(), 2) }()
		synctest.Wait()
		if q.TryPush(1) {
			t.Error("TryPush overtook")
		}
		for _, want := range []int{8, 5, 2} {
			if got, _ := q.Pop(t.Context()); got != want {
				t.Fatalf("got %d, want %d", got, want)
			}
		}
	})
}

func TestWaitersOfAQueueLeaveWithTheirContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := flow.Queue[int]{MaxItems: 1}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if _, err := q.Pop(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Pop: %v, want the end of its context", err)
		}
		q.TryPush(1)
		ctx, cancel = context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := q.Push(ctx, 2); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("Push: %v, want the end of its context", err)
		}
		if got, _ := q.TryPop(); got != 1 {
			t.Fatalf("got %d, want 1", got)
		}
		if got, ok := q.TryPop(); ok {
			t.Fatalf("got %d, whose Push gave up", got)
		}
	})
}

// The queue is full of items that waited too long and a Push waits behind them.
// Whoever pops then must get what that Push brought, and not go to sleep beside it.
func TestPopGetsWhatWaitedBehindExpiredItems(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := flow.Queue[int]{MaxItems: 2, Adaptive: true}
		q.TryPush(1)
		q.TryPush(2)
		go func() { _ = q.Push(t.Context(), 3) }()
		time.Sleep(time.Second)
		if got, err := q.Pop(t.Context()); got != 3 || err != nil {
			t.Fatalf("got %d %v, want 3", got, err)
		}
	})
}

func TestClosedQueueHandsOutWhatItHasAndNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := flow.Queue[int]{MaxItems: 1}
		q.TryPush(1)
		refused := make(chan error, 1)
		go func() { refused <- q.Push(t.Context(), 2) }()
		synctest.Wait()
		q.Close()
		if err := <-refused; !errors.Is(err, flow.ErrRefused) {
			t.Errorf("a Push that waited: %v, want ErrRefused", err)
		}
		if q.TryPush(3) || q.Displace(3) || !errors.Is(q.Push(t.Context(), 3), flow.ErrRefused) {
			t.Error("a closed queue took an item")
		}
		if got, err := q.Pop(t.Context()); got != 1 || err != nil {
			t.Errorf("got %d %v, want 1", got, err)
		}
		if _, err := q.Pop(t.Context()); !errors.Is(err, io.EOF) {
			t.Errorf("got %v, want EOF", err)
		}
	})
}

// Nothing is lost and nothing comes twice, whoever gives up when.
func TestQueueUnderLoad(t *testing.T) {
	t.Parallel()
	q := flow.Queue[int]{MaxItems: 3}
	var pushed, popped sync.Map
	var pushers, poppers sync.WaitGroup
	for w := range 8 {
		rng := rand.New(rand.NewPCG(4, uint64(w)))
		pushers.Go(func() {
			for i := range 300 {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rng.IntN(200))*time.Microsecond)
				if q.Push(ctx, w*1000+i) == nil {
					pushed.Store(w*1000+i, true)
				}
				cancel()
			}
		})
		poppers.Go(func() {
			for {
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(1+w)*200*time.Microsecond)
				i, err := q.Pop(ctx)
				cancel()
				if errors.Is(err, io.EOF) {
					return
				}
				if err == nil {
					if _, twice := popped.LoadOrStore(i, true); twice {
						t.Errorf("%d came twice", i)
					}
				}
			}
		})
	}
	pushers.Wait()
	q.Close()
	poppers.Wait()
	count := func(m *sync.Map) (n int) {
		m.Range(func(any, any) bool { n++; return true })
		return n
	}
	if got, want := count(&popped), count(&pushed); got != want || want == 0 {
		t.Errorf("%d came out, want %d", got, want)
	}
}
