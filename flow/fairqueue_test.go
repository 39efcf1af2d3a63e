package flow

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// asked is one request of a trace, as the naive model sees it.
type asked struct {
	tenant string
	n      int
	w      *waiter
}

func (a asked) granted() bool {
	select {
	case <-a.w.granted:
		return true
	default:
		return false
	}
}

// trace drives a semaphore by hand, without goroutines.
type trace struct {
	s       *Semaphore
	waiting []asked
	holding []asked
	served  map[string]int
}

func newTrace(capacity int) *trace {
	return &trace{s: NewSemaphore(capacity), served: make(map[string]int)}
}

func (tr *trace) ask(tenant string, n int) {
	a := asked{tenant: tenant, n: n, w: tr.s.queues.push(tenant, n)}
	tr.s.waiting++
	tr.waiting = append(tr.waiting, a)
	tr.step(func() {})
}

// step lets the semaphore move and returns what was granted by that.
func (tr *trace) step(f func()) {
	f()
	tr.s.grant()
	tr.waiting = slices.DeleteFunc(tr.waiting, func(a asked) bool {
		if a.granted() {
			tr.holding = append(tr.holding, a)
			tr.served[a.tenant] += a.n
			return true
		}
		return false
	})
}

func (tr *trace) release(i int) {
	a := tr.holding[i]
	tr.holding = slices.Delete(tr.holding, i, i+1)
	tr.step(func() { tr.s.inUse -= tr.s.queues.release(a.tenant, a.n) })
}

func (tr *trace) giveUp(i int) {
	a := tr.waiting[i]
	tr.waiting = slices.Delete(tr.waiting, i, i+1)
	tr.step(func() {
		if tr.s.queues.remove(a.tenant, a.w) {
			tr.s.waiting--
		}
	})
}

// check compares the semaphore with the naive model: what is held is what was
// granted, no tenant was served out of its order, and no slot was given twice.
func (tr *trace) check(t *testing.T) {
	t.Helper()
	held, alone := 0, 0
	for _, a := range tr.holding {
		held += a.n
		alone = max(alone, a.n)
	}
	if got := tr.s.InUse(); got != held {
		t.Fatalf("in use %d, want the %d that were granted", got, held)
	}
	if held > tr.s.capacity && len(tr.holding) > 1 {
		t.Fatalf("%d of %d slots are held by %d", held, tr.s.capacity, len(tr.holding))
	}
	if got := tr.s.Waiting(); got != len(tr.waiting) {
		t.Fatalf("%d wait, want %d", got, len(tr.waiting))
	}
	if len(tr.waiting) > 0 && len(tr.holding) == 0 {
		t.Fatal("nothing is held and yet somebody waits")
	}
	for _, a := range tr.waiting {
		if tr.s.capacity-held >= tr.widest() {
			t.Fatalf("%+v waits although %d of %d are free", a, tr.s.capacity-held, tr.s.capacity)
		}
	}
}

func (tr *trace) widest() int {
	n := 0
	for _, a := range tr.waiting {
		n = max(n, a.n)
	}
	return n
}

var fairTenants = []string{"", "acme", "globex", "u1", "u2", "u3", "u4"}

// run plays a trace of bytes: one byte, one move.
func (tr *trace) run(t *testing.T, moves []byte) {
	for _, m := range moves {
		arg := int(m >> 3)
		switch m & 7 {
		case 0, 1, 2, 3:
			tr.ask(fairTenants[arg%len(fairTenants)], 1+arg%5)
		case 4, 5:
			if len(tr.holding) > 0 {
				tr.release(arg % len(tr.holding))
			}
		case 6:
			if len(tr.waiting) > 0 {
				tr.giveUp(arg % len(tr.waiting))
			}
		case 7:
			if arg%4 == 0 { // a tenant may become known while it is active
				tr.s.SetWeight(fairTenants[arg%len(fairTenants)], float64(1+arg%3))
				tr.step(func() {})
			}
		}
		tr.check(t)
	}
	for len(tr.holding) > 0 { // whoever waits is served in the end
		tr.release(0)
		tr.check(t)
	}
	if len(tr.waiting) > 0 || tr.s.InUse() != 0 || len(tr.s.queues.names) != 0 || len(tr.s.queues.busy) != 0 {
		t.Fatalf("at the end %d wait, %d in use, %d names, %d busy queues: want none",
			len(tr.waiting), tr.s.InUse(), len(tr.s.queues.names), len(tr.s.queues.busy))
	}
}

func TestSemaphoreNeitherOverfillsNorStarvesOverRandomTraces(t *testing.T) {
	t.Parallel()
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 1))
		moves := make([]byte, 400)
		for i := range moves {
			moves[i] = byte(rng.Uint32())
		}
		newTrace(1+int(seed%9)).run(t, moves)
	}
}

func FuzzSemaphore(f *testing.F) {
	f.Add(uint8(3), []byte{0, 8, 16, 4, 12, 6, 7, 5})
	f.Fuzz(func(t *testing.T, capacity uint8, moves []byte) {
		newTrace(1+int(capacity%16)).run(t, moves[:min(len(moves), 500)])
	})
}

// The bound of start-time fair queueing: while two tenants wait without a break,
// what they got for their weight differs by no more than one request of each.
func TestFairQueuesAreFairWithinOneRequest(t *testing.T) {
	t.Parallel()
	for seed := range uint64(40) {
		rng := rand.New(rand.NewPCG(seed, 2))
		f := newFairQueues()
		weights := []float64{1, 1, 2, 3.5, 10}
		served := make([]float64, len(weights))
		for i, w := range weights {
			f.setWeight(fmt.Sprint(i), w)
		}
		for range rng.IntN(50) { // history must not matter: some were alone before
			f.take(fmt.Sprint(rng.IntN(2)), 1+rng.IntN(5))
		}
		const most = 7
		ask := func(i int) { f.push(fmt.Sprint(i), 1+rng.IntN(most)) }
		for i := range weights {
			ask(i)
		}
		for step := range 500 {
			q := f.next(1 << 40)
			i := 0
			for f.own[fmt.Sprint(i)] != q {
				i++
			}
			w := f.pop(q)
			served[i] += float64(w.weight) / weights[i]
			ask(i)
			for a := range weights {
				for b := range weights {
					bound := most/weights[a] + most/weights[b]
					if got := served[a] - served[b]; got > bound+1e-9 {
						t.Fatalf("seed %d step %d: %d is ahead of %d by %.2f, want at most %.2f", seed, step, a, b, got, bound)
					}
				}
			}
		}
	}
}

func TestTenantsNobodySetAreSpreadOverTheirHands(t *testing.T) {
	t.Parallel()
	f := newFairQueues()
	for range 2000 { // a flood in one name takes one queue
		f.push("flood", 1)
	}
	shared := 0
	for i := range 200 {
		name := fmt.Sprint("mouse", i)
		f.push(name, 1)
		if f.names[name].queue == f.names["flood"].queue {
			shared++
		}
	}
	if shared > 0 {
		t.Errorf("%d of 200 small tenants queue behind the flood although each had 7 emptier queues", shared)
	}
	if got := len(f.busy); got > fairQueueCount {
		t.Errorf("%d queues for tenants nobody set, want at most %d", got, fairQueueCount)
	}
}
