package flow_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weir-kafka/weir/flow"
)

// enter starts an Acquire of each weight, in this order, and notes who got in.
func enter(t *testing.T, s *flow.Semaphore, weights ...int) (in func() []int) {
	t.Helper()
	var mu sync.Mutex
	var got []int
	for i, n := range weights {
		go func() {
			if s.Acquire(t.Context(), n) == nil {
				mu.Lock()
				defer mu.Unlock()
				got = append(got, i)
			}
		}()
		synctest.Wait()
	}
	return func() []int {
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		return slices.Clone(got)
	}
}

func TestSemaphoreServesInTheOrderOfArrival(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := flow.NewSemaphore(3)
		in := enter(t, s, 2, 3, 1) // the last would fit, but the large one came before
		if got := in(); !slices.Equal(got, []int{0}) {
			t.Fatalf("%v are in, want only the first", got)
		}
		if s.TryAcquire(1) {
			t.Fatal("TryAcquire overtook those who wait")
		}
		s.Release(2)
		if got := in(); !slices.Equal(got, []int{0, 1}) {
			t.Fatalf("%v are in, want the second too", got)
		}
		s.Release(3)
		if got := in(); !slices.Equal(got, []int{0, 1, 2}) {
			t.Fatalf("%v are in, want all", got)
		}
	})
}

func TestSemaphoreLetsTheOthersPassWhenOneGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := flow.NewSemaphore(2)
		s.TryAcquire(1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		refused := make(chan error, 1)
		go func() { refused <- s.Acquire(ctx, 2) }()
		synctest.Wait()
		in := enter(t, s, 1)
		if len(in()) != 0 {
			t.Fatal("a small one overtook a large one")
		}
		time.Sleep(2 * time.Second)
		if err := <-refused; !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("gave up with %v", err)
		}
		if len(in()) != 1 || s.Waiting() != 0 || s.InUse() != 2 {
			t.Fatalf("in %v, waiting %d, in use %d", in(), s.Waiting(), s.InUse())
		}
	})
}

func TestSemaphoreServesWhatIsLargerThanItselfAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := flow.NewSemaphore(2)
		in := enter(t, s, 1, 5)
		if len(in()) != 1 {
			t.Fatal("a request larger than the capacity was not served alone")
		}
		s.Release(1)
		if len(in()) != 2 || s.InUse() != 5 || s.TryAcquire(1) {
			t.Fatalf("in %v, in use %d", in(), s.InUse())
		}
	})
}

func TestSemaphoreGrowsAndShrinks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := flow.NewSemaphore(1)
		in := enter(t, s, 1, 1, 1)
		s.Resize(3)
		if len(in()) != 3 {
			t.Fatal("those who waited were not served when it grew")
		}
		s.Resize(0)
		if s.Capacity() != 1 || s.InUse() != 3 {
			t.Fatalf("capacity %d, in use %d: want 1 and nothing revoked", s.Capacity(), s.InUse())
		}
		s.Release(1)
		s.Release(1)
		if s.TryAcquire(1) {
			t.Fatal("gave a slot beyond the new capacity")
		}
		s.Release(1)
		s.Release(1) // one too many
		if s.InUse() != 0 || !s.TryAcquire(0) || s.InUse() != 1 {
			t.Fatalf("in use %d", s.InUse())
		}
	})
}

// Under any load the capacity holds, nobody is forgotten and nothing leaks.
func TestSemaphoreUnderLoad(t *testing.T) {
	s := flow.NewSemaphore(4)
	var all sync.WaitGroup
	for w := range 16 {
		rng := rand.New(rand.NewPCG(1, uint64(w)))
		all.Go(func() {
			for range 500 {
				n := 1 + rng.IntN(4)
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(rng.IntN(300))*time.Microsecond)
				if s.Acquire(ctx, n) == nil {
					if used := s.InUse(); used > 4 {
						t.Errorf("%d in use", used)
					}
					s.Release(n)
				}
				cancel()
			}
		})
	}
	all.Wait()
	if s.InUse() != 0 || s.Waiting() != 0 {
		t.Fatalf("at the end %d in use, %d waiting", s.InUse(), s.Waiting())
	}
}
