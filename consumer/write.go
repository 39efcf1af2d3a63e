package consumer

import (
	"container/heap"
	"context"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/internal/crash"
	"github.com/weir-kafka/weir/sink"
)

// writeStage is the way to one sink: handled batches come in over a bounded
// channel, wait until the limiter has room, and are joined into as large a call
// as the sink's limits allow. So calls grow by themselves while the sink is
// busy, and nobody sets a linger.
type writeStage struct {
	index   int // in the consumer's stages
	name    string
	c       *Consumer
	sink    sink.Sink
	limits  sink.Limits
	timeout time.Duration
	limiter *flow.Limiter
	final   bool // the dead letters: there is nowhere else to go, so it never rejects
	backoff flow.Backoff

	in   chan *out     // bounded: a full channel holds the handler stage
	kick chan struct{} // something was put in the queue, or became due

	wins       atomic.Uint64 // calls in which something was delivered
	written    atomic.Int64  // messages acknowledged
	rejected   atomic.Int64  // messages given to the dead letters
	rejections rejections
	load       load
	stood      moment // when a call last had waited for room
	pace       pace
	deadlines  deadlines
	underWay   underWay
	flying     atomic.Int64 // messages taken from the queue that have no outcome yet
	failing    atomic.Bool  // the last call delivered nothing
	said       flow.LimiterState

	mu     sync.Mutex
	queue  spanQueue  // next to be written
	parked dueHeap    // waiting for their retry
	owed   fifo[span] // due, but waiting for the retry budget
	set    int        // messages in parked and owed
	turn   uint64     // counts what was taken
	calls  sync.WaitGroup
}

const (
	// slowSink is how long the wait for room at a sink must be for its calls to
	// grow as large as they may: then there is time to copy messages together.
	slowSink = time.Millisecond
	// enoughAlone is how many messages make a call large enough before that.
	enoughAlone = 256
)

// inBuffer is how many handled batches wait in the channel of a sink.
const inBuffer = 64

func newWriteStage(c *Consumer, name string, o Output) *writeStage {
	def := DefaultSinkConfig()
	s := &writeStage{
		name: name, c: c, sink: o.Sink, timeout: o.Timeout,
		backoff: flow.Backoff{Base: 100 * time.Millisecond, Max: 10 * time.Second},
		in:      make(chan *out, inBuffer), kick: make(chan struct{}, 1),
		underWay: underWay{due: make(map[*call]time.Time), deaf: make(map[*call]bool)},
	}
	if s.timeout == 0 {
		s.timeout = def.Timeout
	}
	s.rejections.good = &s.written
	s.setDeadline(s.timeout)
	if l, ok := o.Sink.(sink.Limited); ok {
		s.limits = l.Limits()
	}
	s.setPace(o.Rate)
	if c.tenants != nil {
		s.queue.fair = &fairSpans{tenants: c.tenants}
	}
	s.limiter = flow.NewLimiter(decisions{algorithm(name, o.Limit), name, c.metrics.decided}, flow.WithNow(c.now))
	return s
}

// algorithm returns what sets the limit of the sink of that name.
func algorithm(name string, l LimitConfig) flow.Algorithm {
	switch {
	case l.Fixed > 0 && l.Shadow:
		return flow.Shadow(l.Fixed, flow.KneeConfig{Sink: name})
	case l.Fixed > 0:
		return newFixed(l.Fixed)
	case l.Max == 0:
		l.Max = DefaultSinkConfig().Limit.Max
	}
	return flow.Knee(flow.KneeConfig{Sink: name, Max: l.Max})
}

// send hands a sealed out to the stage. It blocks while the channel is full and
// returns false when ctx ended first. With tenants it never blocks: what each may
// have waiting is bounded before it is taken from its lanes. Nor does it beside other
// sinks: a worker that waits for one has nothing for the others, and there are few.
func (s *writeStage) send(ctx context.Context, o *out) bool {
	s.load.entered.Add(int64(len(o.msgs)))
	if s.queue.fair != nil {
		s.mu.Lock()
		s.queue.fair.put(span{out: o, to: len(o.msgs)}, false) // dispatchBatch has counted it
		s.mu.Unlock()
		s.wake()
		return true
	}
	if len(s.c.routes) > 0 {
		select {
		case s.in <- o:
		default:
			s.enqueue(o)
		}
		return true
	}
	select {
	case s.in <- o:
		return true
	case <-ctx.Done():
		return false
	}
}

// requeue puts a span in front of the queue; the caller never waits.
func (s *writeStage) requeue(sp span) {
	s.mu.Lock()
	s.queue.pushFront(sp)
	s.mu.Unlock()
	s.wake()
}

// enqueue puts an out behind the queue; the caller never waits.
func (s *writeStage) enqueue(o *out) {
	s.mu.Lock()
	s.queue.push(span{out: o, to: len(o.msgs)})
	s.mu.Unlock()
	s.wake()
}

// park keeps a span until its retry is due; it holds only its own lanes.
func (s *writeStage) park(sp span, after time.Duration) {
	sp.due = s.c.now().Add(after)
	s.mu.Lock()
	s.c.tenants.rests(sp.out.batch.slot, sp.size())
	s.set += sp.size()
	heap.Push(&s.parked, sp)
	s.mu.Unlock()
	crash.At(crash.RetryParked)
	s.wake()
}

func (s *writeStage) wake() {
	select {
	case s.kick <- struct{}{}:
	default:
	}
}

// run writes until ctx ends, then waits for the calls in flight.
func (s *writeStage) run(ctx context.Context) {
	defer s.calls.Wait()
	fence := &s.c.watchdog.fence
	for s.await(ctx) && s.awaitPace(ctx) && fence.await(ctx) {
		from := s.c.now()
		if err := s.limiter.Acquire(ctx); err != nil {
			return
		}
		if fence.shut() { // meanwhile
			s.limiter.Done(flow.Outcome{Kind: flow.Ignore})
			continue
		}
		enough := enoughAlone
		if now := s.c.now(); now.Sub(from) > slowSink {
			enough = math.MaxInt
			s.stood.set(now)
		}
		c, ok := s.join(enough)
		s.c.openTenants()
		if !ok {
			s.limiter.Done(flow.Outcome{Kind: flow.Ignore})
			continue
		}
		crash.At(crash.Joined)
		s.spend(c)
		s.calls.Add(1)
		go c.run(ctx)
	}
}

// await returns true once there is something to write, false when ctx ended.
func (s *writeStage) await(ctx context.Context) bool {
	for ctx.Err() == nil {
		queued, due := s.promote()
		if queued {
			return true
		}
		var timer <-chan time.Time
		var t *time.Timer
		if !due.IsZero() {
			t = time.NewTimer(due.Sub(s.c.now()))
			timer = t.C
		}
		select {
		case o := <-s.in:
			s.enqueue(o)
		case <-s.kick:
		case <-timer:
		case <-ctx.Done():
		}
		if t != nil {
			t.Stop()
		}
	}
	return false
}

// promote moves what is due back into the queue, as far as the retry budget goes.
// It reports whether the queue has anything and, if not, when the next retry is due.
func (s *writeStage) promote() (queued bool, due time.Time) {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := s.c.now()
	for len(s.parked) > 0 && !s.parked[0].due.After(now) {
		sp := heap.Pop(&s.parked).(span) //nolint:forcetypeassert // nothing else is in it
		if sp.debt != nil {
			s.owed.push(sp)
			continue
		}
		s.unset(&sp)
		s.queue.push(sp)
	}
	s.pace.owing.Store(s.owed.len() > 0) // first: what succeeds from here on wakes
	for s.owed.len() > 0 && s.pace.pays(s.owed.front().debt, now) {
		sp := s.owed.pop()
		s.unset(&sp)
		s.queue.push(sp)
	}
	if len(s.parked) > 0 {
		due = s.parked[0].due
	}
	if spared := s.pace.spared.time(); s.owed.len() > 0 && (due.IsZero() || spared.Before(due)) {
		due = spared
	}
	return s.queue.len() > 0, due
}

// unset says that a span is no longer set aside.
func (s *writeStage) unset(sp *span) {
	s.set -= sp.size()
	s.c.tenants.rests(sp.out.batch.slot, -sp.size())
}

// join builds one call from the front of the queue and from what waits in the
// channel, until it has enough. What may not be written any more is dropped on
// the way.
func (s *writeStage) join(enough int) (*call, bool) {
	c := &call{stage: s, wins: s.wins.Load()}
	for more := true; more && c.messages < enough; {
		var sp span
		if sp, more = s.next(c.messages == 0); !more {
			break
		}
		if !sp.part().mayWrite(sp.out.batch.gen) {
			s.flying.Add(-int64(sp.size()))
			s.abandon(sp)
			continue
		}
		taken := c.messages
		var back *span
		back, more = c.add(sp)
		s.charge(&sp, c.messages-taken)
		if back != nil {
			s.mu.Lock()
			s.queue.pushFront(*back)
			s.mu.Unlock()
		}
		s.flying.Add(int64(c.messages - taken - sp.size())) // what was cut off waits again
	}
	return c, c.messages > 0
}

// next takes the next span; one that must stand alone only as the first. While
// calls fail it takes from the channel every other time: retries of messages
// at fault must not keep away those that would show that they are.
func (s *writeStage) next(first bool) (sp span, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn++
	switch {
	case s.queue.len() == 0, first && s.failing.Load() && s.turn%2 == 0 && len(s.in) > 0:
		select {
		case o := <-s.in:
			sp = span{out: o, to: len(o.msgs)}
		default:
			return span{}, false
		}
	case s.queue.front().alone && !first:
		return span{}, false
	default:
		sp = s.queue.pop()
	}
	s.flying.Add(int64(sp.size()))
	return sp, true
}

// purge drops the parked retries of a partition that is being given back or was
// lost: they are not done and the next owner gets them.
func (s *writeStage) purge(p *partition) {
	var gone []span
	theirs := func(sp span) bool {
		if sp.part() != p {
			return false
		}
		s.unset(&sp)
		gone = append(gone, sp)
		return true
	}
	s.mu.Lock()
	s.parked = slices.DeleteFunc(s.parked, theirs)
	heap.Init(&s.parked)
	s.owed.drop(theirs)
	s.mu.Unlock()
	for _, sp := range gone {
		s.abandon(sp)
	}
}

func (s *writeStage) delay(tries int) time.Duration {
	return s.backoff.Delay(max(tries, 1), rand.Float64)
}

// queued is how many batches and parts of batches wait to be written.
func (s *writeStage) queued() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.queue.len() + len(s.in)
}
