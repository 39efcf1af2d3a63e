package consumer

import (
	"sync"
	"time"

	"github.com/weir-kafka/weir/flow"
)

const (
	// grace is how long a call may go on after its time is up before it is taken
	// for one that does not heed its context.
	grace = 5 * time.Second
	// mostDeaf is how many such calls give up their place to others: each still
	// holds what it was given, so the others' places stay taken.
	mostDeaf = 16
)

// lookForDeaf finds the calls that go on although their time is up. The
// reconciler calls it at every tick.
func (c *Consumer) lookForDeaf() {
	now := c.now()
	for _, s := range c.stages {
		s.lookForDeaf(now)
	}
	c.crew.lookForDeaf(now)
}

// underWay is the calls of one stage that have not returned. One whose time and
// the grace are over is deaf: that is reported, and its place at the sink is given
// to others. The lanes of its messages stay with it, so that nothing overtakes them.
type underWay struct {
	mu   sync.Mutex
	due  map[*call]time.Time // when a call becomes deaf
	deaf map[*call]bool      // and whether it has lost its place
	lost int                 // of these, how many have
}

func (u *underWay) begin(c *call, due time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.due[c] = due
}

// cancelLost ends the context of the calls of which nothing is ours any more. One
// that also carries what is ours goes on.
func (u *underWay) cancelLost() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for c := range u.due {
		if c.isLost() {
			c.cancel()
		}
	}
}

// end says that a call has returned, and reports whether it still has its place.
func (u *underWay) end(c *call) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	lost := u.deaf[c]
	delete(u.due, c)
	delete(u.deaf, c)
	if lost {
		u.lost--
	}
	return !lost
}

// count returns how many calls are deaf, and how many of them have lost their place.
func (u *underWay) count() (deaf, lost int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return len(u.deaf), u.lost
}

// look returns how many calls became deaf, and how many lost their place.
func (u *underWay) look(now time.Time) (found, lost int) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for c, due := range u.due {
		if !due.After(now) {
			delete(u.due, c)
			u.deaf[c] = false
			found++
		}
	}
	for c, gone := range u.deaf {
		if !gone && u.lost < mostDeaf {
			u.deaf[c] = true
			u.lost++
			lost++
		}
	}
	return found, lost
}

func (s *writeStage) lookForDeaf(now time.Time) {
	found, lost := s.underWay.look(now)
	for range lost {
		s.limiter.Done(flow.Outcome{Kind: flow.Overload})
	}
	if found == 0 {
		return
	}
	deaf, _ := s.underWay.count()
	s.c.metrics.deaf.WithLabelValues("sink " + s.name).Add(float64(found))
	s.c.log.Warn("writes go on although their time is up; the sink does not heed its context", "sink", s.name, "grace", grace, "such_calls", deaf)
}

// lookForDeaf does the same for the handler calls that the watch has seen hang. Their
// workers are lost for as long as they stay away: others may take their places.
func (w *crew) lookForDeaf(now time.Time) {
	if found, deaf := w.watch.deafer(w, now); found > 0 {
		w.c.metrics.deaf.WithLabelValues("handler").Add(float64(found))
		w.c.log.Warn("handler calls go on although their time is up; the handler does not heed its context",
			"after", w.c.cfg.HandlerTimeout+grace, "such_calls", deaf)
	}
}

// deafer returns how many calls became deaf, and how many are.
func (w *watch) deafer(c *crew, now time.Time) (found, deaf int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for hand, h := range w.hung {
		if !h.deaf && now.Sub(h.since) >= c.c.cfg.HandlerTimeout+grace {
			h.deaf = true
			w.deaf++
			found++
		}
		if h.deaf && !h.replaced && w.replaced < mostDeaf {
			h.replaced = true
			w.replaced++
			c.replace(1, hand.reserved)
			hand.reserved = 0
		}
		w.hung[hand] = h
	}
	return found, w.deaf
}

// back undoes what was done because the call of h hung, under mu.
func (w *watch) back(c *crew, h *hand) {
	was := w.hung[h]
	delete(w.hung, h)
	if was.deaf {
		w.deaf--
	}
	if was.replaced {
		w.replaced--
		c.replace(-1, 0)
	}
}

// deafCalls returns how many handler calls are deaf.
func (w *watch) deafCalls() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.deaf
}

// replace allows n workers more, for as many as do not come back, and gives back
// what was reserved for what they would make.
func (w *crew) replace(n int, reserved int64) {
	w.made(-reserved)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.most += n
	if n > 0 && w.queue.len() > 0 {
		w.staff(w.c.work)
	}
}
