package consumer

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"
)

// crew is the workers of the handler stage. A worker takes a batch, calls the
// handler for each record and hands the messages on. There are as many workers
// as the work needs: as many as processors for a handler that computes, more
// while a handler waits for something, never more than most. Those are let go again
// when it no longer waits.
type crew struct {
	c     *Consumer
	most  int
	watch watch

	perRecord atomic.Int64 // nanoseconds a record takes in the handler, smoothed
	perOutput atomic.Int64 // bytes that the handler makes of a record, smoothed; -1 while not known

	mu      sync.Mutex
	wake    sync.Cond
	queue   fifo[*partition] // with work, each once, served in turn
	workers int
	idle    int
	output  int64 // bytes that handlers made, or may be making, and sinks have not taken
	starved bool  // workers wait for less of that
	closed  bool
	running sync.WaitGroup
	hungry  chan struct{} // the queue has become empty
}

const (
	// defaultWorkers bounds the handlers that wait at the same time. It is the size of
	// a large connection pool: what lies behind a handler must not be flooded either.
	defaultWorkers = 512
	// A batch is as large as turnTime of handling: long enough to make the cost of
	// taking it vanish, short enough to keep keys apart.
	turnTime   = 300 * time.Microsecond
	mostAtOnce = 1 << mostAtOnceBits
	// slowRecord is when a handler is taken to wait rather than to compute.
	slowRecord = 200 * time.Microsecond
)

func newCrew(c *Consumer, most int) *crew {
	w := &crew{c: c, most: most, watch: watch{busy: make(map[*hand]looked), hung: make(map[*hand]hanging), wake: make(chan struct{}, 1)}, hungry: make(chan struct{}, 1)}
	w.wake.L = &w.mu
	w.perOutput.Store(-1)
	return w
}

// offer puts a partition that has work in the queue, and gets a worker for it.
func (w *crew) offer(ctx context.Context, p *partition) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if p.offered || w.closed {
		return
	}
	p.offered = true
	w.queue.push(p)
	w.staff(ctx)
}

// staff wakes a worker, or starts one if all are busy and another would help.
func (w *crew) staff(ctx context.Context) {
	switch {
	case w.idle > 0:
		w.wake.Signal()
	case w.workers < w.most && (w.workers < runtime.GOMAXPROCS(0) || w.slow()):
		w.workers++
		w.running.Add(1)
		go w.work(ctx)
	}
}

func (w *crew) slow() bool { return w.perRecord.Load() > int64(slowRecord) }

// next waits for a partition with work; false once the crew is closed, or when
// there are more workers than may be because one has come back from a deaf call,
// or more than a handler that computes has work for.
func (w *crew) next() (p *partition, reserved int64, ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.workers > w.most { // not after the wait: a wake-up would be lost
		w.workers--
		return nil, 0, false
	}
	for !w.closed && (w.queue.len() == 0 || !w.reserve(&reserved)) {
		if w.queue.len() == 0 && w.idle >= runtime.GOMAXPROCS(0) && !w.slow() {
			w.workers--
			w.wake.Signal() // one that waits may be too many as well
			return nil, 0, false
		}
		w.idle++
		w.wake.Wait()
		w.idle--
	}
	if w.closed {
		return nil, 0, false
	}
	p = w.queue.pop()
	p.offered = false
	if w.queue.len() == 0 {
		select {
		case w.hungry <- struct{}{}:
		default:
		}
	}
	return p, reserved, true
}

// firstOutput is what the batches of as many workers as there are by default are expected
// to become, each, while nothing is known: so little that within the default budget all of
// their calls may hang. With more workers it is less in proportion.
const firstOutput = 64 << 10

// reserve counts what a batch will become before its handler is called: else as many
// handlers as may run would each make a batch that there is no room for.
func (w *crew) reserve(reserved *int64) bool {
	made := w.perOutput.Load() * int64(w.size())
	if made < 0 {
		made = firstOutput * defaultWorkers / int64(max(w.most, defaultWorkers))
	}
	if w.output > 0 && w.output+made > w.mostOutput() {
		w.starved = true
		return false
	}
	w.output += made
	*reserved = made
	return true
}

// mostOutput is how much may be made before workers wait until sinks have taken
// some of it: a handler may turn little into much. It is held by batches that no
// worker is needed for, so they end by themselves.
func (w *crew) mostOutput() int64 { return int64(w.c.cfg.Memory) / 8 }

// made is told what handlers made, less than nothing when that is let go.
func (w *crew) made(bytes int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.output += bytes
	if bytes < 0 && w.starved {
		w.starved = false
		w.wake.Broadcast()
	}
}

// mostDelay bounds how long a poll waits for the handler stage: another partition
// may have records that need not wait for those that are queued.
const mostDelay = 10 * time.Millisecond

// awaitDemand waits until no partition with work waits for a worker, for a short
// while. Records that are taken before are out of the processor's cache when
// their turn comes, and cost memory.
func (w *crew) awaitDemand(ctx context.Context) {
	w.mu.Lock()
	select {
	case <-w.hungry: // of an earlier time
	default:
	}
	enough := w.queue.len() > 0
	w.mu.Unlock()
	if !enough {
		return
	}
	timer := time.NewTimer(mostDelay)
	defer timer.Stop()
	select {
	case <-w.hungry:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// close lets the workers go once they have finished what they hold, and waits.
func (w *crew) close() {
	w.mu.Lock()
	w.closed = true
	w.wake.Broadcast()
	w.mu.Unlock()
	w.running.Wait()
}

// size is how many records to take at once.
func (w *crew) size() int {
	per := w.perRecord.Load()
	if per == 0 {
		return 1
	}
	n := min(max(int64(turnTime)/per, 1), mostAtOnce)
	if made := w.perOutput.Load(); made > 0 {
		n = min(n, max(maxBatchBytes/made, 1))
	}
	return int(n)
}

// learn smooths the measured time of a record, and what is made of it: when that
// grows it is believed at once.
func (w *crew) learn(took time.Duration, records int, made int64) {
	per := max(int64(took)/int64(records), 1)
	if old := w.perRecord.Load(); old != 0 {
		per = old + (per-old)/4
	}
	w.perRecord.Store(max(per, 1))
	old, each := w.perOutput.Load(), made/int64(records)
	w.perOutput.Store(max(each, old+(each-old)/4))
}

// hangs is told when a call hung: a handler that used to be quick may have become
// slow for every record, and must be given fewer at once. Its worker is lost for
// now; another takes its place if there is work.
func (w *crew) hangs(ctx context.Context) {
	w.learn(lookEvery, 1, w.perOutput.Load())
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.queue.len() > 0 {
		w.staff(ctx)
	}
}

// work is one worker.
func (w *crew) work(ctx context.Context) {
	defer w.running.Done()
	h := newHand(w.c)
	for {
		p, reserved, ok := w.next()
		if !ok {
			return
		}
		w.c.watchdog.fence.await(ctx)
		b, more := p.take(h, w.size(), maxBatchBytes)
		if more {
			w.offer(ctx, p)
		}
		if b == nil {
			w.made(-reserved)
			continue
		}
		start := w.c.now()
		h.reserved = reserved
		w.watch.begin(h, len(b.taken))
		records := len(b.taken)
		left := h.handle(b)
		w.watch.end(w, h)
		took := w.c.now().Sub(start)
		if len(left.taken) == records || h.made() > maxBatchBytes { // else the call hung
			w.learn(took, len(left.taken), h.made())
		}
		w.c.tenants.handled(left.slot)
		w.c.metrics.handled(len(left.taken), took)
		w.c.dispatchBatch(ctx, left, h.extra, h.reserved)
	}
}

// maxBatchBytes keeps a batch of large records small.
const maxBatchBytes = 1 << 20
