package flow

import (
	"context"
	"sync"
)

// Semaphore shares a number of slots among tenants by weight. A tenant's own
// requests are served first come first served; between tenants the next slot
// goes to the one that got least for its weight (start-time fair queueing: Goyal,
// Vin and Cheng, 1996). Those who name no tenant are one tenant together, so
// that without names it is a plain queue.
//
// While others wait, a tenant is passed over that holds more than its share of
// the capacity by half, however long it keeps what it has; slots that nobody
// else wants are anybody's. A tenant whose weight was never set shares 64
// queues with all such, so that invented names gain nothing: see
// [Semaphore.SetWeight].
//
// A request may weigh more than one slot; one that weighs more than the capacity
// is served when nothing else is in use, as if it weighed just that. The
// capacity may change at any time: shrinking revokes nothing. A weight below one
// counts as one. It is safe for concurrent use and has no goroutine.
type Semaphore struct {
	mu       sync.Mutex
	capacity int
	inUse    int
	waiting  int
	queues   fairQueues
}

// NewSemaphore returns a semaphore with capacity slots, at least one.
func NewSemaphore(capacity int) *Semaphore {
	return &Semaphore{capacity: max(capacity, 1), queues: newFairQueues()}
}

// SetWeight makes tenant known: it has a queue of its own from now on and gets
// weight slots where a tenant of weight 1 gets one. A weight that is not above
// 0 counts as 1. The tenants nobody set are spread over 64 queues of weight 1;
// each picks the least busy of its hand of 8 when it begins to ask, so that one
// that floods shares few queues with another. (Shuffle sharding, with the
// numbers of Kubernetes' API Priority and Fairness.)
func (s *Semaphore) SetWeight(tenant string, weight float64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.queues.setWeight(tenant, weight)
	s.grant()
}

// TryAcquire takes n slots if they are free and nobody waits.
func (s *Semaphore) TryAcquire(n int) bool { return s.TryAcquireFor("", n) }

// TryAcquireFor is [Semaphore.TryAcquire] in the name of tenant.
func (s *Semaphore) TryAcquireFor(tenant string, n int) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.try(tenant, max(n, 1))
}

// Acquire waits for n slots and returns ctx's error when that ends before. What
// was acquired is given back by Release with the same n.
func (s *Semaphore) Acquire(ctx context.Context, n int) error { return s.AcquireFor(ctx, "", n) }

// AcquireFor is [Semaphore.Acquire] in the name of tenant; what it acquired is
// given back by [Semaphore.ReleaseFor] with the same name.
func (s *Semaphore) AcquireFor(ctx context.Context, tenant string, n int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	n = max(n, 1)
	s.mu.Lock()
	if s.try(tenant, n) {
		s.mu.Unlock()
		return nil
	}
	w := s.queues.push(tenant, n)
	s.waiting++
	s.grant()
	s.mu.Unlock()
	select {
	case <-w.granted:
		return nil
	case <-ctx.Done():
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.queues.remove(tenant, w) {
			return nil // granted at the same moment
		}
		s.waiting--
		s.grant() // a smaller one may stand behind it
		return ctx.Err()
	}
}

// Release gives n slots back. More than are in use are ignored.
func (s *Semaphore) Release(n int) { s.ReleaseFor("", n) }

// ReleaseFor gives n slots of tenant back. More than it has in use are ignored.
func (s *Semaphore) ReleaseFor(tenant string, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inUse -= s.queues.release(tenant, max(n, 1))
	s.grant()
}

// Resize sets the capacity, at least one.
func (s *Semaphore) Resize(capacity int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.capacity = max(capacity, 1)
	s.grant()
}

// InUse returns how many slots are taken; more than the capacity after it
// shrank, or while a request that is larger than it is served.
func (s *Semaphore) InUse() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inUse
}

// Capacity returns the number of slots.
func (s *Semaphore) Capacity() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.capacity
}

// Waiting returns how many requests wait.
func (s *Semaphore) Waiting() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.waiting
}

// fits reports whether n slots may be taken now.
func (s *Semaphore) fits(n int) bool {
	return s.inUse+n <= s.capacity || s.inUse == 0
}

func (s *Semaphore) try(tenant string, n int) bool {
	if s.waiting > 0 || !s.fits(n) {
		return false
	}
	s.queues.take(tenant, n)
	s.inUse += n
	return true
}

// grant serves those whose turn it is. It stops at the first that does not fit:
// if smaller ones were let past, a large one would wait for ever.
func (s *Semaphore) grant() {
	for s.waiting > 0 {
		q := s.queues.next(s.capacity)
		n := q.waiters.first.weight
		if !s.fits(n) {
			return
		}
		w := s.queues.pop(q)
		s.waiting--
		s.inUse += n
		close(w.granted)
	}
}
