package consumer

import "slices"

// spanQueue is a FIFO whose front can be given back.
type spanQueue struct {
	spans []span
	head  int
}

func (q *spanQueue) len() int { return len(q.spans) - q.head }

func (q *spanQueue) push(sp span) { q.spans = append(q.spans, sp) }

func (q *spanQueue) pushFront(sp span) {
	if q.head > 0 {
		q.head--
		q.spans[q.head] = sp
		return
	}
	q.spans = slices.Insert(q.spans, 0, sp)
}

func (q *spanQueue) pop() span {
	sp := q.spans[q.head]
	q.spans[q.head] = span{}
	if q.head++; q.head == len(q.spans) {
		q.spans, q.head = q.spans[:0], 0
	}
	return sp
}
