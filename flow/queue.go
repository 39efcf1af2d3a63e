package flow

import (
	"context"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"
)

// Queue hands items from many goroutines to many, bounded in items and in
// bytes. What happens to an item that finds no room is the choice of who brings
// it: [Queue.Push] waits, [Queue.TryPush] refuses it, [Queue.Displace] drops the
// oldest for it. An item larger than the byte bound is let in when the queue is
// empty.
//
// Items leave first in, first out. With Adaptive, which is for requests of a
// server and never for records of Kafka, a queue that was not empty for
// Interval hands out the newest first and lets an item wait no longer than
// Target, otherwise no longer than Interval: under overload the newest is the
// one whose sender still waits. (Adaptive LIFO and controlled delay: Maurer, "Fail
// at Scale", ACM Queue, 2015.)
//
// The zero value is ready; its fields are set before the first use. It is safe
// for concurrent use and has no goroutine.
type Queue[T any] struct {
	MaxItems int               // zero means 1024
	MaxBytes int               // zero means no bound
	SizeFunc func(item T) int  // bytes of an item; nil means none
	Adaptive bool              // newest first and short waits under overload
	Interval time.Duration     // zero means 100 ms
	Target   time.Duration     // zero means 5 ms
	GoneFunc func(item T) bool // nobody waits for item any more: it is skipped. Called with the queue locked; nil means never
	DropFunc func(item T)      // is told each item that waited too long, is gone or was displaced; nil means nobody
	NowFunc  func() time.Time  // nil means time.Now

	mu      sync.Mutex
	items   ring[queued[T]]   // oldest in front
	bytes   int               // of items
	filled  time.Time         // since when it is not empty
	pushers []*queueWaiter[T] // wait for room, first come first served
	poppers []*queueWaiter[T] // wait for an item; there is none while anybody is here
	closed  bool
}

// queued is an item with what was decided when it came.
type queued[T any] struct {
	item    T
	size    int
	expires time.Time // zero when it may wait for ever
}

// queueWaiter is one call of Push or Pop that sleeps. Whoever ends its wait
// takes it off the list first, and then closes done.
type queueWaiter[T any] struct {
	done chan struct{}
	item T
	size int
	err  error
}

// Push waits for room. It returns ctx's error when that ends before, and
// [ErrRefused] when the queue is closed; the item is then not in the queue.
func (q *Queue[T]) Push(ctx context.Context, item T) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	size := q.size(item)
	q.mu.Lock()
	dropped := q.expire(q.now())
	w := &queueWaiter[T]{done: make(chan struct{}), item: item, size: size}
	switch {
	case q.closed:
		w.err = errQueueClosed()
		close(w.done)
	case q.room(size) && len(q.pushers) == 0:
		q.put(item, size)
		close(w.done)
	default:
		q.pushers = append(q.pushers, w)
	}
	q.mu.Unlock()
	q.tell(dropped)
	return q.wait(ctx, w, &q.pushers)
}

// TryPush returns false when there is no room, when others wait for it, or when
// the queue is closed.
func (q *Queue[T]) TryPush(item T) bool {
	size := q.size(item)
	q.mu.Lock()
	dropped := q.expire(q.now())
	ok := !q.closed && len(q.pushers) == 0 && q.room(size)
	if ok {
		q.put(item, size)
	}
	q.mu.Unlock()
	q.tell(dropped)
	return ok
}

// Displace makes room by dropping the oldest items, which DropFunc is told. It
// returns false, and drops nothing, only when the queue is closed.
func (q *Queue[T]) Displace(item T) bool {
	size := q.size(item)
	q.mu.Lock()
	dropped := q.expire(q.now())
	ok := !q.closed
	for ok && !q.room(size) {
		dropped = append(dropped, q.take(q.items.popFront()))
	}
	if ok {
		q.put(item, size)
	}
	q.mu.Unlock()
	q.tell(dropped)
	return ok
}

// Pop waits for an item. It returns ctx's error when that ends before, and
// [io.EOF] when the queue is closed and empty.
func (q *Queue[T]) Pop(ctx context.Context) (item T, err error) {
	q.mu.Lock()
	item, ok, dropped := q.next(q.now())
	w := &queueWaiter[T]{done: make(chan struct{})}
	switch {
	case ok:
		q.mu.Unlock()
		q.tell(dropped)
		return item, nil
	case q.closed:
		w.err = io.EOF
		close(w.done)
	default:
		q.poppers = append(q.poppers, w)
	}
	q.mu.Unlock()
	q.tell(dropped)
	err = q.wait(ctx, w, &q.poppers)
	return w.item, err
}

// TryPop returns false when there is nothing to hand out.
func (q *Queue[T]) TryPop() (item T, ok bool) {
	q.mu.Lock()
	item, ok, dropped := q.next(q.now())
	q.mu.Unlock()
	q.tell(dropped)
	return item, ok
}

// Close refuses whatever comes and whoever waits for room. What is in the
// queue is still handed out.
func (q *Queue[T]) Close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	for _, w := range q.pushers {
		w.err = errQueueClosed()
		close(w.done)
	}
	for _, w := range q.poppers {
		w.err = io.EOF
		close(w.done)
	}
	q.pushers, q.poppers = nil, nil
}

// Len returns how many items wait, and their bytes.
func (q *Queue[T]) Len() (items, bytes int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.items.n, q.bytes
}

// wait sleeps until w is done or ctx ends; list is where w waits.
func (q *Queue[T]) wait(ctx context.Context, w *queueWaiter[T], list *[]*queueWaiter[T]) error {
	select {
	case <-w.done:
		return w.err
	default:
	}
	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
		q.mu.Lock()
		defer q.mu.Unlock()
		i := slices.Index(*list, w)
		if i < 0 {
			return w.err // served at the same moment
		}
		*list = slices.Delete(*list, i, i+1)
		q.admit() // a smaller one may stand behind it
		return ctx.Err()
	}
}

// put adds an item for which there is room, or gives it to who waits for one.
func (q *Queue[T]) put(item T, size int) {
	if len(q.poppers) > 0 {
		w := q.poppers[0]
		q.poppers = slices.Delete(q.poppers, 0, 1)
		w.item = item
		close(w.done)
		return
	}
	now := q.now()
	if q.items.n == 0 {
		q.filled = now
	}
	e := queued[T]{item: item, size: size}
	if q.Adaptive {
		wait := q.interval()
		if q.overloaded(now) {
			wait = orDefault(q.Target, 5*time.Millisecond)
		}
		e.expires = now.Add(wait)
	}
	q.items.pushBack(e)
	q.bytes += size
}

// next takes the item whose turn it is, and lets those in who wait for room.
func (q *Queue[T]) next(now time.Time) (item T, ok bool, dropped []T) {
	for q.items.n > 0 {
		e := q.items.popAt(q.Adaptive && q.overloaded(now))
		q.take(e)
		q.admit() // here, not after the loop: what waited for room is next when all the rest had expired
		if !e.expired(now) && (q.GoneFunc == nil || !q.GoneFunc(e.item)) {
			return e.item, true, dropped
		}
		dropped = append(dropped, e.item)
	}
	return item, false, dropped
}

// expire drops the oldest items that waited too long, so that they take nobody's
// room.
func (q *Queue[T]) expire(now time.Time) (dropped []T) {
	for q.items.n > 0 && q.items.front().expired(now) {
		dropped = append(dropped, q.take(q.items.popFront()))
	}
	if len(dropped) > 0 {
		q.admit()
	}
	return dropped
}

func (q *Queue[T]) take(e queued[T]) T {
	q.bytes -= e.size
	return e.item
}

// admit lets those in who wait for room, as far as there is any.
func (q *Queue[T]) admit() {
	for len(q.pushers) > 0 && q.room(q.pushers[0].size) {
		w := q.pushers[0]
		q.pushers = slices.Delete(q.pushers, 0, 1)
		q.put(w.item, w.size)
		close(w.done)
	}
}

func (q *Queue[T]) room(size int) bool {
	if q.items.n == 0 {
		return true
	}
	return q.items.n < orDefault(q.MaxItems, 1024) && (q.MaxBytes <= 0 || q.bytes+size <= q.MaxBytes)
}

func (q *Queue[T]) overloaded(now time.Time) bool { return now.Sub(q.filled) > q.interval() }

func (q *Queue[T]) interval() time.Duration { return orDefault(q.Interval, 100*time.Millisecond) }

func (q *Queue[T]) size(item T) int {
	if q.SizeFunc == nil {
		return 0
	}
	return max(q.SizeFunc(item), 0)
}

func (q *Queue[T]) now() time.Time {
	if q.NowFunc != nil {
		return q.NowFunc()
	}
	return time.Now()
}

// tell runs without the lock: DropFunc may answer the sender, or use the queue.
func (q *Queue[T]) tell(dropped []T) {
	if q.DropFunc == nil {
		return
	}
	for _, item := range dropped {
		q.DropFunc(item)
	}
}

func (e queued[T]) expired(now time.Time) bool { return !e.expires.IsZero() && now.After(e.expires) }

func errQueueClosed() error { return fmt.Errorf("queue closed: %w", ErrRefused) }
