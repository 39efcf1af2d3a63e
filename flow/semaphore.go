package flow

import (
	"context"
	"sync"
)

// Semaphore shares a number of slots, first come first served. A request may
// weigh more than one slot; one that weighs more than the capacity is served
// alone, when nothing else is in use. The capacity may change at any time:
// shrinking revokes nothing. A weight below one counts as one. It is safe for
// concurrent use.
type Semaphore struct {
	mu       sync.Mutex
	capacity int
	inUse    int
	waiters  waiters
}

// NewSemaphore returns a semaphore with capacity slots, at least one.
func NewSemaphore(capacity int) *Semaphore {
	return &Semaphore{capacity: max(capacity, 1)}
}

// TryAcquire takes n slots if they are free and nobody waits.
func (s *Semaphore) TryAcquire(n int) bool {
	n = max(n, 1)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.waiters.len() > 0 || !s.fits(n) {
		return false
	}
	s.inUse += n
	return true
}

// Acquire waits for n slots and returns ctx's error when that ends before. What
// was acquired is given back by Release with the same n.
func (s *Semaphore) Acquire(ctx context.Context, n int) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.TryAcquire(n) {
		return nil
	}
	s.mu.Lock()
	w := s.waiters.push()
	w.weight = max(n, 1)
	s.grant()
	s.mu.Unlock()
	select {
	case <-w.granted:
		return nil
	case <-ctx.Done():
		s.mu.Lock()
		defer s.mu.Unlock()
		if !s.waiters.remove(w) {
			return nil // granted at the same moment
		}
		s.grant() // a smaller one may stand behind it
		return ctx.Err()
	}
}

// Release gives n slots back. More than are in use are ignored.
func (s *Semaphore) Release(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inUse = max(s.inUse-max(n, 1), 0)
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
	return s.waiters.len()
}

// fits reports whether n slots may be taken now.
func (s *Semaphore) fits(n int) bool {
	return s.inUse+n <= s.capacity || s.inUse == 0
}

func (s *Semaphore) grant() {
	for s.waiters.len() > 0 && s.fits(s.waiters.first.weight) {
		w := s.waiters.pop()
		s.inUse += w.weight
		close(w.granted)
	}
}
