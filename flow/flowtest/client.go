package flowtest

import (
	"time"

	"github.com/weir-kafka/weir/flow"
)

// client is one instance of the pipeline.
type client struct {
	id       int32
	make     Maker
	sub      Subject // nil before it has joined
	watch    CallWatcher
	skew     time.Duration
	joins    float64
	inFlight int
	latency  float64     // moving mean of calls that succeeded, seconds
	retries  ring[int32] // work of calls that failed
	wake     float64     // planned look at the end of a hold
	work     float64     // done since all have joined
}

const (
	mostInFlight  = 4096 // of an instance, whatever its limiter says
	firstBackoff  = 0.1  // seconds a failed call keeps its place before any has succeeded
	latencyWeight = 0.1
)

func (s *sim) join(m Maker) {
	f := s.sc.Fleet
	s.clients = make([]client, f.size())
	for i := range s.clients {
		c := &s.clients[i]
		c.id, c.make = int32(i), m
		c.skew = seconds((2*s.dispatch.Float64() - 1) * f.Skew)
		if i >= f.size()-f.Late {
			c.joins = f.LateAt
		}
		s.at(c.joins, evJoin, c.id)
	}
}

// clock is the virtual clock of an instance.
func (s *sim) clock(c *client) time.Time {
	return epoch.Add(seconds(s.now) + c.skew)
}

// touch is called before a subject is.
func (s *sim) touch() {
	if s.advance != nil {
		s.advance(epoch.Add(time.Duration(s.now * float64(time.Second))))
	}
}

func (s *sim) enlist(c *client) {
	s.touch()
	c.sub = c.make(func() time.Time { return s.clock(c) }, s.sc.Seed+uint64(c.id))
	c.watch, _ = c.sub.(CallWatcher)
	s.start(c)
}

func (s *sim) startAll() {
	n := len(s.clients)
	first := 0
	if n > 1 {
		first = s.dispatch.IntN(n) // nobody is always first at scarce work
	}
	for i := range n {
		s.start(&s.clients[(first+i)%n])
	}
}

// start starts calls while there is work and the limiter allows.
func (s *sim) start(c *client) {
	if c.sub == nil {
		return
	}
	s.touch()
	for c.inFlight < mostInFlight && s.hasWork(c) && c.sub.TryAcquire() {
		s.call(c)
	}
}

func (s *sim) hasWork(c *client) bool {
	return c.retries.n > 0 || s.backlog > 0 || s.ph().Supply == 0
}

func (s *sim) call(c *client) {
	var work int32
	switch {
	case c.retries.n > 0:
		work = c.retries.pop()
	default:
		work = s.ph().batch().draw(s.dispatch)
		s.backlog = max(s.backlog-1, 0)
	}
	c.inFlight++
	id := s.newCall(c.id, work)
	s.expire.push(deadline{s.now + s.sc.Sink.timeout(), id, s.calls[id].serial})
	s.rec.started++
	if c.watch != nil {
		c.watch.Started(int(id))
	}
	s.arrive(id)
}

// reply is the moment at which an answer reaches the client.
func (s *sim) reply(id int32) {
	c := &s.calls[id]
	c.gone = true
	if c.ended || s.ph().Down == BlackHole { // too late, or lost on the way
		s.let(id)
		return
	}
	s.end(id, c.verdict)
}

// end tells the client how its call ended.
func (s *sim) end(id int32, v flow.Verdict) {
	c := &s.calls[id]
	cl := &s.clients[c.instance]
	c.ended, c.verdict, c.took = true, v, s.now-c.start
	s.rec.ended(s, c)
	if v == flow.Done {
		if cl.latency == 0 {
			cl.latency = c.took
		}
		cl.latency += latencyWeight * (c.took - cl.latency)
		s.release(id)
		return
	}
	if until := c.start + s.backoff(cl); until > s.now {
		s.at(until, evRelease, id)
		return
	}
	s.release(id)
}

// backoff is how long after its start a failed call gives its place back.
func (s *sim) backoff(cl *client) float64 {
	if _, itself := cl.sub.(placeKeeper); itself || s.sc.NoBackoff {
		return 0
	}
	r := cl.latency
	if r == 0 {
		r = firstBackoff
	}
	return r * (1 + s.dispatch.Float64()/2)
}

func (s *sim) release(id int32) {
	c := &s.calls[id]
	cl := &s.clients[c.instance]
	c.released = true
	cl.inFlight--
	o := flow.Outcome{Kind: c.verdict, Work: int(c.work), RetryAfter: seconds(c.asked), Quota: c.asked > 0}
	if c.verdict != flow.Done {
		o.Work = 0
		cl.retries.push(c.work)
	}
	took := seconds(c.took)
	s.let(id)
	s.touch()
	if cl.watch != nil {
		cl.watch.Ending(int(id))
	}
	cl.sub.Done(o, took)
	s.start(cl)
}

// watchHold plans a look at the end of a hold that ends before the next tick.
func (s *sim) watchHold(c *client) {
	h := c.sub.HoldUntil()
	if h.IsZero() {
		return
	}
	at := s.now + h.Sub(s.clock(c)).Seconds() + 2e-9
	if at > s.now && at < s.now+tick && at > c.wake {
		c.wake = at
		s.at(at, evWake, c.id)
	}
}
