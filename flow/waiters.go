package flow

// waiter is one call of Acquire that found no permit. Its channel is closed when
// one is given to it.
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
}

func (q *waiters) len() int { return q.n }

func (q *waiters) push() *waiter {
	w := &waiter{granted: make(chan struct{}), prev: q.last, queued: true}
	if q.last == nil {
		q.first = w
	} else {
		q.last.next = w
	}
	q.last = w
	q.n++
	return w
}

func (q *waiters) pop() *waiter {
	w := q.first
	q.remove(w)
	return w
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
