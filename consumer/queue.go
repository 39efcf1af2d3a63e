package consumer

import "slices"

// fifo is a queue whose front can be given back. Its memory follows its length,
// also when it is never empty.
type fifo[T any] struct {
	items []T
	head  int
}

func (q *fifo[T]) len() int { return len(q.items) - q.head }

// front returns the next item, which must be there.
func (q *fifo[T]) front() *T { return &q.items[q.head] }

// at returns the item i places behind the front.
func (q *fifo[T]) at(i int) *T { return &q.items[q.head+i] }

func (q *fifo[T]) push(item T) {
	if q.head > 64 && q.head > len(q.items)/2 {
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	q.items = append(q.items, item)
}

func (q *fifo[T]) pushFront(item T) {
	if q.head > 0 {
		q.head--
		q.items[q.head] = item
		return
	}
	q.items = slices.Insert(q.items, 0, item)
}

func (q *fifo[T]) pop() T {
	var none T
	item := q.items[q.head]
	q.items[q.head] = none
	if q.head++; q.head == len(q.items) {
		q.items, q.head = q.items[:0], 0
	}
	return item
}

// drop takes out what f reports.
func (q *fifo[T]) drop(f func(T) bool) {
	q.items, q.head = slices.DeleteFunc(q.items[q.head:], f), 0
}

// dueHeap is spans that wait for their time, the next one first. It implements
// heap.Interface.
type dueHeap []span

func (h dueHeap) Len() int           { return len(h) }
func (h dueHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h dueHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *dueHeap) Push(x any)        { *h = append(*h, x.(span)) } //nolint:forcetypeassert // only spans are pushed
func (h *dueHeap) Pop() any {
	last := len(*h) - 1
	sp := (*h)[last]
	(*h)[last] = span{}
	*h = (*h)[:last]
	return sp
}
