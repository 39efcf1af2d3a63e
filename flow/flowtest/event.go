package flowtest

// event is something that will happen. Events at the same moment happen in the
// order in which they were planned.
type event struct {
	at   float64
	seq  uint32
	arg  int32
	kind eventKind
}

type eventKind uint8

const (
	evTick eventKind = iota // look at every instance, take a sample
	evWake                  // an instance may start calls again; arg is the instance
	evJoin                  // an instance joins; arg is the instance
	evPhase
	evForeign // a call of others; arg is the phase it belongs to
	evSupply  // work arrives; arg is the phase it belongs to
	evServed  // a server is done with a call; arg is the call
	evShared  // the shared processor is done with a call; arg is its generation
	evReply   // the answer reaches the client; arg is the call
	evRelease // a failed call gives its place back; arg is the call
)

// eventHeap is a binary heap without the boxing of container/heap.
type eventHeap []event

func (e *event) before(o *event) bool {
	return e.at < o.at || e.at == o.at && e.seq < o.seq
}

func (h *eventHeap) push(e event) {
	q := append(*h, e)
	i := len(q) - 1
	for i > 0 {
		up := (i - 1) / 2
		if !e.before(&q[up]) {
			break
		}
		q[i] = q[up]
		i = up
	}
	q[i] = e
	*h = q
}

func (h *eventHeap) pop() event {
	q := *h
	top, n := q[0], len(q)-1
	e := q[n]
	q = q[:n]
	for i := 0; n > 0; {
		child := 2*i + 1
		if child >= n {
			q[i] = e
			break
		}
		if child+1 < n && q[child+1].before(&q[child]) {
			child++
		}
		if !q[child].before(&e) {
			q[i] = e
			break
		}
		q[i] = q[child]
		i = child
	}
	*h = q
	return top
}

// ring is a queue that grows and never shrinks.
type ring[T any] struct {
	items   []T
	head, n int
}

func (r *ring[T]) push(v T) {
	if r.n == len(r.items) {
		grown := make([]T, max(16, 2*r.n))
		for i := range r.n {
			grown[i] = r.items[(r.head+i)%len(r.items)]
		}
		r.items, r.head = grown, 0
	}
	i := r.head + r.n
	if i >= len(r.items) {
		i -= len(r.items)
	}
	r.items[i] = v
	r.n++
}

func (r *ring[T]) front() *T { return &r.items[r.head] }

func (r *ring[T]) back() *T {
	i := r.head + r.n - 1
	if i >= len(r.items) {
		i -= len(r.items)
	}
	return &r.items[i]
}

func (r *ring[T]) pop() T {
	v := r.items[r.head]
	if r.head++; r.head == len(r.items) {
		r.head = 0
	}
	r.n--
	return v
}
