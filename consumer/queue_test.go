package consumer

import "testing"

// A queue that is never empty stays as small as it is.
func TestAQueueThatIsNeverEmptyDoesNotGrow(t *testing.T) {
	t.Parallel()
	var q fifo[int]
	next := 0
	for i := range 100_000 {
		q.push(2 * i)
		q.push(2*i + 1)
		if i < 10 {
			continue
		}
		for range 2 {
			got := q.pop()
			if got%7 == 3 {
				q.pushFront(got)
				got = q.pop()
			}
			if got != next {
				t.Fatalf("popped %d, want %d", got, next)
			}
			next++
		}
	}
	if got := cap(q.items); got > 1000 {
		t.Errorf("room for %d items, and %d are there", got, q.len())
	}
}
