package consumer

import (
	"hash/maphash"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weir-kafka/weir/consumer/internal/lane"
	"github.com/weir-kafka/weir/handlers"
)

// tenants keeps the lanes of one tenant from waiting for those of another. A
// tenant's records wait in their lanes; each partition serves the tenants in turn
// (lane.NewSlots), and each sink those that wait for it (fairSpans). What a tenant
// may have beyond its lanes is bounded here, so that its backlog stays where it
// holds up nobody. Only those are known that have records in the process, by the
// number of their slot.
//
// mu is taken last: under a partition's or a stage's, and never the other way.
// So a slot that may be served again is only noted; openTenants tells the
// partitions once their locks are free.
type tenants struct {
	cfg     TenantConfig
	of      func(*handlers.Record) string // nil: the key or the header
	now     func() time.Time
	ring    func(time.Time) // asks for openTenants at a time
	workers int             // the most handler calls
	seed    maphash.Seed

	pending atomic.Bool // opening has any

	mu       sync.Mutex
	named    map[string]int32
	slots    []*tenant
	free     []int32
	waiting  int     // of all
	handling int     // of all
	scarce   bool    // somebody waits for a worker to be free
	opening  []int32 // may be served again, and no partition knows
	swept    time.Time
}

// tenant is the counts of one slot.
type tenant struct {
	name     string
	unused   bool
	records  int64 // held, in lanes and out of them
	bytes    int64
	out      int64     // records taken from their lanes and not finished
	waiting  int       // of these, records in the handler stage and messages before a sink
	resting  int       // records and messages that wait for a retry
	handling int       // workers that handle its records
	parked   string    // why it is passed over, "" if it is not
	spent    time.Time // until then what it took lasts at its rate
}

const (
	// maxTenants bounds the slots; a tenant without one of its own shares.
	maxTenants = 1024
	// maxName is how much of a name is kept.
	maxName = 256
	// A tenant may have as much waiting as is free of mostWaiting, and as many
	// workers as four times those that are free: whatever the others have, a new one
	// finds room, and one alone has most of it. (Dynamic thresholds: Choudhury and
	// Hahne, 1998.) It always may have leastWaiting.
	mostWaiting  = 4 * mostAtOnce
	leastWaiting = 64
	workersAlpha = 4
	// burstTime is how much of its rate comes at once after a rest.
	burstTime = 100 * time.Millisecond
)

// newTenants returns nil without tenants.
func newTenants(cfg TenantConfig, of func(*handlers.Record) string, now func() time.Time, workers int, ring func(time.Time)) *tenants {
	if !cfg.on() && of == nil {
		return nil
	}
	return &tenants{
		cfg: cfg, of: of, now: now, ring: ring, workers: workers, seed: maphash.MakeSeed(), named: make(map[string]int32),
	}
}

// lanes returns the scheduler of one of so many partitions.
func (t *tenants) lanes(mode lane.Mode, partitions int) *lane.Scheduler[item] {
	if t == nil {
		return lane.New[item](mode, laneBits(partitions))
	}
	return lane.NewSlots[item](mode, t)
}

// Grant implements lane.Quota.
func (t *tenants) Grant(n int32, want int) int {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.slots[n]
	if s.parked == "" { // what a partition passes over all do, until openTenants tells them
		s.parked = t.refuses(s, 1)
	}
	if s.parked != "" {
		t.ringFor(s)
		return 0
	}
	want = min(want, t.room()-s.waiting)
	if t.cfg.Limit > 0 {
		want = min(want, t.cfg.Limit-s.atWork())
	}
	if t.perSecond() > 0 {
		units, _ := t.affords(s)
		if t.cfg.Rate.Bytes > 0 { // what it holds says how large its records are
			units = max(int(int64(units)*s.records/max(s.bytes, 1)), 1)
		}
		want = min(want, units)
	}
	s.handling++
	t.handling++
	t.take(s, want)
	return want
}

// ringFor asks for openTenants when s can afford something.
func (t *tenants) ringFor(s *tenant) {
	if s.parked == reasonRate {
		_, at := t.affords(s)
		t.ring(at)
	}
}

// room is how much a tenant may have waiting.
func (t *tenants) room() int { return max(mostWaiting-t.waiting, leastWaiting) }

func (t *tenants) take(s *tenant, records int) {
	s.out += int64(records)
	s.waiting += records
	t.waiting += records
}

const (
	reasonLimit   = "limit"
	reasonRate    = "rate"
	reasonWaiting = "waiting for a sink or a handler"
	reasonWorkers = "handlers"
)

// refuses returns why nothing may be taken of s now, "" if something may. It is
// parked with part 1, and served again with part 2: once half of what it had
// waiting is gone.
func (t *tenants) refuses(s *tenant, part int) string {
	switch {
	case t.cfg.Limit > 0 && s.atWork() >= t.cfg.Limit:
		return reasonLimit
	case s.waiting*part >= t.room():
		return reasonWaiting
	case s.handling > 0 && s.handling >= workersAlpha*(t.workers-t.handling):
		t.scarce = true
		return reasonWorkers
	case t.perSecond() > 0:
		if units, _ := t.affords(s); units < 1 {
			return reasonRate
		}
	}
	return ""
}

// Refund implements lane.Quota.
func (t *tenants) Refund(n int32, records int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.take(t.slots[n], -records)
	t.reconsider(n)
}

// taken says that a worker has records of a slot: again, if they were out of
// their lanes before.
func (t *tenants) taken(recs []lane.Taken[item], again bool) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.slots[recs[0].Slot]
	if again {
		s.handling++
		t.handling++
		t.wait(s, len(recs))
		s.resting -= len(recs)
		return
	}
	if t.perSecond() == 0 {
		return
	}
	units := len(recs)
	if t.cfg.Rate.Bytes > 0 {
		units = 0
		for i := range recs {
			units += payload(recs[i].Item.rec)
		}
	}
	t.spend(s, units)
}

func (t *tenants) wait(s *tenant, n int) {
	s.waiting += n
	t.waiting += n
}

// handled says that a worker is free again.
func (t *tenants) handled(n int32) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.slots[n]
	s.handling--
	t.handling--
	if !t.scarce {
		return
	}
	t.scarce = false
	for i := range t.slots {
		if t.slots[i].parked == reasonWorkers {
			t.reconsider(int32(i))
		}
	}
}

// atWork is what counts against the limit. What waits for a retry does not: a
// tenant whose records all fail must try others, or nobody would ever learn
// whether its records are at fault or the sink takes nothing (verdict.go).
func (s *tenant) atWork() int { return max(int(s.out)-s.resting, 0) }

// rests counts what waits for a retry.
func (t *tenants) rests(n int32, more int) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.slots[n].resting += more
	t.reconsider(n)
}

// waits counts what waits before a sink or in the handler stage.
func (t *tenants) waits(n int32, more int) {
	if t == nil || more == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.wait(t.slots[n], more)
	t.reconsider(n)
}

// returned says that records went back into their lanes.
func (t *tenants) returned(n int32, records int) {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.slots[n].out -= int64(records)
	t.reconsider(n)
}

// left says that records are not held any more; out of them had been taken.
func (t *tenants) left(n int32, records, bytes, out int64) {
	if t == nil || records == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	s := t.slots[n]
	s.records -= records
	s.bytes -= bytes
	s.out -= out
	t.reconsider(n)
	if s.records == 0 {
		t.forget(n)
	}
}

// reconsider notes that a slot may be served again, if that is so.
func (t *tenants) reconsider(n int32) {
	s := t.slots[n]
	if s.parked == "" {
		return
	}
	if why := t.refuses(s, 2); why != "" {
		s.parked = why
		t.ringFor(s)
		return
	}
	t.open(n)
}

func (t *tenants) open(n int32) {
	t.slots[n].parked = ""
	t.opening = append(t.opening, n)
	t.pending.Store(true)
}

// due looks at all that wait, for what comes by time alone, and forgets those who
// have nothing.
func (t *tenants) due() {
	if t == nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	for n := range t.slots {
		t.reconsider(int32(n))
	}
	t.sweep()
}

// opened returns the slots that may be served again.
func (t *tenants) opened() []int32 {
	if t == nil || !t.pending.Load() {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	open := t.opening
	t.opening = nil
	t.pending.Store(false)
	return open
}

// openTenants offers the lanes of tenants that were passed over and need not be
// any more. It is called without a lock.
func (c *Consumer) openTenants() {
	open := c.tenants.opened()
	if len(open) == 0 {
		return
	}
	for _, p := range c.partitions() {
		if p.open(open) {
			c.crew.offer(c.work, p)
		}
	}
}

// open lets slots be served again and reports whether there is work.
func (p *partition) open(slots []int32) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range slots {
		p.lanes.Open(n)
	}
	return p.hasWork()
}
