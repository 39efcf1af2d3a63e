package flow

import (
	"hash/maphash"
	"math"
)

const (
	fairQueueCount = 64 // for tenants nobody set, with a hand of 8: Kubernetes APF
	fairHand       = 8
	fairBurst      = 1.5 // how far beyond its share a tenant may go while others wait
)

// fairQueue is one queue of start-time fair queueing. Only its first waiter has
// a start tag, so that one who leaves has cost its tenant nothing.
type fairQueue struct {
	weight  float64
	inUse   int
	start   float64 // virtual time at which the next request begins
	order   uint64  // who came first among equal starts
	waiters waiters
	busy    int    // place in fairQueues.busy plus one, zero when idle
	round   uint64 // of fairQueues in which start was set
}

// fairName is what one tenant has in a queue it shares. While there is anything
// it keeps to that queue: its requests stay in order, and what it gives back is
// found.
type fairName struct {
	queue          *fairQueue
	inUse, waiting int
}

// fairQueues holds the queues of all tenants and says who is next. It is a pure
// structure: no lock, no clock.
type fairQueues struct {
	seed    maphash.Seed
	own     map[string]*fairQueue
	shared  [fairQueueCount]fairQueue
	names   map[string]*fairName // of shared queues
	busy    []*fairQueue         // those with something in use or waiting
	virtual float64              // start tag of what was granted last
	orders  uint64
	round   uint64 // counts the times that nobody had anything: all start anew then
}

func newFairQueues() fairQueues {
	return fairQueues{
		seed:  maphash.MakeSeed(),
		own:   map[string]*fairQueue{"": {weight: 1}},
		names: make(map[string]*fairName),
	}
}

func (f *fairQueues) setWeight(tenant string, weight float64) {
	if !(weight > 0) || math.IsInf(weight, 1) {
		weight = 1
	}
	if q := f.own[tenant]; q != nil {
		q.weight = weight
		return
	}
	f.own[tenant] = &fairQueue{weight: weight}
}

// find returns the queue of tenant, and its part of it when it is shared. A tenant
// that became known stays where it is until it has nothing there any more.
func (f *fairQueues) find(tenant string) (*fairQueue, *fairName) {
	if len(f.names) > 0 {
		if n := f.names[tenant]; n != nil {
			return n.queue, n
		}
	}
	return f.own[tenant], nil
}

// enter is find for one who asks: it deals a queue to a tenant that has none.
func (f *fairQueues) enter(tenant string) (*fairQueue, *fairName) {
	q, n := f.find(tenant)
	if q == nil {
		q = f.deal(tenant)
		n = &fairName{queue: q}
		f.names[tenant] = n
	}
	if q.busy == 0 {
		f.busy = append(f.busy, q)
		q.busy = len(f.busy)
	}
	if q.round != f.round {
		q.round, q.start = f.round, 0
	}
	if q.waiters.len() == 0 {
		q.start = max(q.start, f.virtual)
		f.stamp(q)
	}
	return q, n
}

func (f *fairQueues) stamp(q *fairQueue) {
	f.orders++
	q.order = f.orders
}

// deal returns the least busy queue of the tenant's hand: as many different ones
// as one hash can choose, like cards.
func (f *fairQueues) deal(tenant string) *fairQueue {
	hash := maphash.String(f.seed, tenant)
	var cards [fairQueueCount]uint8
	for i := range cards {
		cards[i] = uint8(i)
	}
	var best *fairQueue
	for i := range uint64(fairHand) {
		left := fairQueueCount - i
		j := i + hash%left
		hash /= left
		cards[i], cards[j] = cards[j], cards[i]
		q := &f.shared[cards[i]]
		q.weight = 1
		if best == nil || q.load() < best.load() {
			best = q
		}
	}
	return best
}

func (q *fairQueue) load() int { return q.inUse + q.waiters.len() }

// take gives n slots to a tenant at once.
func (f *fairQueues) take(tenant string, n int) {
	q, name := f.enter(tenant)
	if name != nil {
		name.inUse += n
	}
	f.charge(q, n)
}

// charge moves the virtual time to the start of what is granted, and the
// queue's next start to its end.
func (f *fairQueues) charge(q *fairQueue, n int) {
	f.virtual = max(f.virtual, q.start)
	q.start += float64(n) / q.weight
	f.stamp(q)
	q.inUse += n
}

func (f *fairQueues) push(tenant string, n int) *waiter {
	q, name := f.enter(tenant)
	if name != nil {
		name.waiting++
	}
	w := q.waiters.push()
	w.weight = n
	w.name = name
	return w
}

// next returns the queue to serve: of those that wait, the one with the earliest
// start that is within its share, or simply the earliest when none is. At least
// one must wait.
func (f *fairQueues) next(capacity int) *fairQueue {
	var weights float64
	for _, q := range f.busy {
		weights += q.weight
	}
	var within, first *fairQueue
	for _, q := range f.busy {
		if q.waiters.len() == 0 {
			continue
		}
		if first == nil || q.before(first) {
			first = q
		}
		most := int(math.Ceil(float64(capacity) * q.weight / weights * fairBurst))
		if q.inUse > 0 && q.inUse+q.waiters.first.weight > most {
			continue
		}
		if within == nil || q.before(within) {
			within = q
		}
	}
	if within != nil {
		return within
	}
	return first
}

func (q *fairQueue) before(o *fairQueue) bool {
	return q.start < o.start || q.start == o.start && q.order < o.order
}

// pop grants the first waiter of q.
func (f *fairQueues) pop(q *fairQueue) *waiter {
	w := q.waiters.first
	q.waiters.remove(w)
	if w.name != nil {
		w.name.waiting--
		w.name.inUse += w.weight
	}
	f.charge(q, w.weight)
	return w
}

// remove returns false when w was not waiting any more.
func (f *fairQueues) remove(tenant string, w *waiter) bool {
	q, name := f.find(tenant)
	if !q.waiters.remove(w) {
		return false
	}
	if name != nil {
		name.waiting--
	}
	f.leave(tenant, q, name)
	return true
}

// release returns how many of n slots the tenant really had.
func (f *fairQueues) release(tenant string, n int) int {
	q, name := f.find(tenant)
	if q == nil {
		return 0
	}
	if name != nil {
		n = min(n, name.inUse)
		name.inUse -= n
	}
	n = min(n, q.inUse)
	q.inUse -= n
	f.leave(tenant, q, name)
	return n
}

// leave forgets a tenant that has nothing left. When nobody has, the virtual time
// begins anew: fairness is among those who ask at the same time.
func (f *fairQueues) leave(tenant string, q *fairQueue, name *fairName) {
	if name != nil && name.inUse == 0 && name.waiting == 0 {
		delete(f.names, tenant)
	}
	if q.busy == 0 || q.inUse > 0 || q.waiters.len() > 0 {
		return
	}
	last := f.busy[len(f.busy)-1]
	last.busy = q.busy
	f.busy[q.busy-1] = last
	f.busy = f.busy[:len(f.busy)-1]
	q.busy = 0
	if len(f.busy) == 0 {
		f.virtual = 0
		f.round++
	}
}
