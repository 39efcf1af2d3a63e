package demo

import "sync"

// ledger keeps what was produced and what arrived, outside of the engine. Each
// key counts its records from 0, so what must arrive next is known.
type ledger struct {
	mu         sync.Mutex
	produced   map[string]int64 // records of a key that the broker has
	next       map[string]int64 // of a key, what must arrive next
	delivered  int64            // distinct records
	duplicates int64
	outOfOrder int64
}

func newLedger() *ledger {
	return &ledger{produced: map[string]int64{}, next: map[string]int64{}}
}

// produce notes that the broker has record n of key.
func (l *ledger) produce(key string, n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.produced[key] = max(l.produced[key], n+1)
}

// arrive notes an effect at the service. What was there before is a duplicate;
// what comes before its predecessor is out of order.
func (l *ledger) arrive(key string, n int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch next := l.next[key]; {
	case n < next:
		l.duplicates++
		return
	case n > next:
		l.outOfOrder++
	}
	l.delivered++
	l.next[key] = n + 1
}

// counts are the sums over all keys.
type counts struct {
	Produced, Delivered, Duplicates, OutOfOrder int64
}

func (l *ledger) counts() counts {
	l.mu.Lock()
	defer l.mu.Unlock()
	c := counts{Delivered: l.delivered, Duplicates: l.duplicates, OutOfOrder: l.outOfOrder}
	for _, n := range l.produced {
		c.Produced += n
	}
	return c
}
