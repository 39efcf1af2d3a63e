package flow

import "sync"

// waiter is one call of Acquire that found no permit. Its channel gets one value
// when one is given to it, so it can be used again.
type waiter struct {
	granted    chan struct{}
	weight     int
	name       *fairName // whose request it is in a shared queue of a Semaphore
	prev, next *waiter
	queued     bool
}

// waiters is a FIFO from which any waiter can leave at once.
type waiters struct {
	first, last *waiter
	n           int
	used        sync.Pool // of *waiter, each with an empty channel
}

func (q *waiters) len() int { return q.n }

func (q *waiters) push() *waiter {
	w, ok := q.used.Get().(*waiter)
	if !ok {
		w = &waiter{granted: make(chan struct{}, 1)}
	}
	w.prev, w.queued = q.last, true
	if q.last == nil {
		q.first = w
	} else {
		q.last.next = w
	}
	q.last = w
	q.n++
	return w
}

// grant takes the first waiter out and lets it go. It never blocks.
func (q *waiters) grant() {
	w := q.first
	q.remove(w)
	w.granted <- struct{}{}
}

// remove returns false when w was not waiting any more.
func (q *waiters) remove(w *waiter) bool {
	if !w.queued {
		return false
	}
	w.queued = false
	if w.prev == nil {
		q.first = w.next
	} else {
		w.prev.next = w.next
	}
	if w.next == nil {
		q.last = w.prev
	} else {
		w.next.prev = w.prev
	}
	w.prev, w.next = nil, nil
	q.n--
	return true
}

// recycle lets w be used again once it is out of the queue and nothing is in its
// channel. It needs no lock.
func (q *waiters) recycle(w *waiter) { q.used.Put(w) }
