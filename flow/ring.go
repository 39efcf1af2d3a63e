package flow

// ring is a deque in a slice that doubles when it is full.
type ring[T any] struct {
	buf  []T
	head int
	n    int
}

func (r *ring[T]) at(i int) *T { return &r.buf[(r.head+i)%len(r.buf)] }

// front returns the first element; there must be one.
func (r *ring[T]) front() *T { return r.at(0) }

func (r *ring[T]) pushBack(v T) {
	if r.n == len(r.buf) {
		grown := make([]T, max(2*r.n, 8))
		for i := range r.n {
			grown[i] = *r.at(i)
		}
		r.buf, r.head = grown, 0
	}
	r.n++
	*r.at(r.n - 1) = v
}

func (r *ring[T]) popFront() T { return r.popAt(false) }

// popAt takes the last element, or the first. What it leaves behind is zeroed, so
// that it holds no memory.
func (r *ring[T]) popAt(last bool) (v T) {
	var zero T
	at := r.at(0)
	if last {
		at = r.at(r.n - 1)
	} else {
		r.head = (r.head + 1) % len(r.buf)
	}
	r.n--
	v, *at = *at, zero
	return v
}

// orDefault returns v, or def when v is zero or less.
func orDefault[N ~int | ~int64 | ~float64](v, def N) N {
	if v <= 0 {
		return def
	}
	return v
}
