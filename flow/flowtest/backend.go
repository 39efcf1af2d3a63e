package flowtest

import (
	"math"

	"github.com/weir-kafka/weir/flow"
)

// backend is the sink's side of a run.
type backend struct {
	stations []station
	inSystem int
	tokens   float64 // of the quota
	filled   float64 // when they were counted

	// The shared processor: v is the service that each call in it has had.
	v, since float64
	jobs     eventHeap // ordered by the v at which they are done
	gen      int32
}

type station struct {
	busy  int
	queue ring[int32]
}

func (b *backend) init(sink *Sink) { b.stations = make([]station, max(sink.Stations, 1)) }

// settle brings what flows up to now, before its rate changes.
func (b *backend) settle(s *sim) {
	q := s.ph().Quota
	b.tokens = min(b.tokens+q.PerSecond*(s.now-b.filled), q.Burst)
	b.filled = s.now
}

// begin is called when a phase has begun.
func (b *backend) begin(s *sim) {
	if s.phase == 0 {
		b.tokens = s.ph().Quota.Burst
	}
	for k := range b.stations {
		s.serveNext(k)
	}
}

// arrive is where a call meets the sink.
func (s *sim) arrive(id int32) {
	p, b := s.ph(), &s.backend
	switch {
	case p.Down == BlackHole:
		s.calls[id].gone = true
		s.let(id)
	case p.Down == Failing:
		s.answer(id, flow.Retry, 0)
	case p.Quota.PerSecond > 0 && !b.admit(s):
		s.answer(id, flow.Overload, p.Quota.RetryAfter)
	case p.Cap > 0 && b.inSystem >= p.Cap:
		s.answer(id, flow.Overload, 0)
	default:
		b.inSystem++
		if s.sc.Sink.Sharing != nil {
			s.share(id)
			return
		}
		s.enter(id, 0)
	}
}

// admit takes a token of the quota.
func (b *backend) admit(s *sim) bool {
	b.settle(s)
	if b.tokens < 1 {
		return false
	}
	b.tokens--
	return true
}

// answer refuses a call without serving it.
func (s *sim) answer(id int32, v flow.Verdict, retryAfter float64) {
	c := &s.calls[id]
	if c.instance < 0 {
		c.gone = true
		s.let(id)
		return
	}
	c.verdict, c.asked = v, retryAfter
	s.replyAt(s.now+quickAnswer+s.net(), id)
}

func (s *sim) enter(id int32, k int) {
	st := &s.backend.stations[k]
	s.calls[id].station = uint8(k)
	st.queue.push(id)
	s.serveNext(k)
}

// serveNext gives waiting calls to free servers.
func (s *sim) serveNext(k int) {
	st := &s.backend.stations[k]
	for st.queue.n > 0 && st.busy < s.ph().Servers {
		st.busy++
		id := st.queue.pop()
		s.at(s.sc.Sink.Pause.finish(s.now, s.demand(id)), evServed, id)
	}
}

// demand draws the service time of a call.
func (s *sim) demand(id int32) float64 {
	return s.ph().Service.draw(s.service) + s.sc.Sink.PerUnit*float64(s.calls[id].work)
}

// finish is when work of d seconds that starts at t is done.
func (p Pause) finish(t, d float64) float64 {
	if p.Every <= 0 {
		return t + d
	}
	for n := math.Floor(t / p.Every); ; n++ {
		stop := (n+1)*p.Every - p.For // the pause is the end of each period
		if t < stop {
			if t+d <= stop {
				return t + d
			}
			d -= stop - t
		}
		t = (n + 1) * p.Every
	}
}

func (s *sim) served(id int32) {
	k := int(s.calls[id].station)
	s.backend.stations[k].busy--
	s.serveNext(k)
	if k+1 < len(s.backend.stations) {
		s.enter(id, k+1)
		return
	}
	s.leave(id)
}

// leave sends the answer of a call that was served.
func (s *sim) leave(id int32) {
	s.backend.inSystem--
	c := &s.calls[id]
	if c.instance < 0 || c.ended {
		c.gone = true
		s.let(id)
		return
	}
	c.verdict = flow.Done
	if e := s.sc.Sink.Errors; e > 0 && s.service.Float64() < e {
		c.verdict = flow.Retry
	}
	s.replyAt(s.now+s.net(), id)
}

// share gives a call to the shared processor.
func (s *sim) share(id int32) {
	b := &s.backend
	b.flowOn(s)
	b.jobs.push(event{at: b.v + s.demand(id), seq: s.calls[id].serial, arg: id})
	b.plan(s)
}

// shared is the end of a call in the shared processor, unless the plan it came
// from is stale.
func (s *sim) shared(gen int32) {
	b := &s.backend
	if gen != b.gen {
		return
	}
	b.flowOn(s)
	id := b.jobs.pop().arg
	b.plan(s)
	s.leave(id)
}

// flowOn gives each call in the shared processor the service it had since.
func (b *backend) flowOn(s *sim) {
	if n := len(b.jobs); n > 0 {
		b.v += (s.now - b.since) * s.sc.Sink.Sharing.speed(n) / float64(n)
	}
	b.since = s.now
}

func (b *backend) plan(s *sim) {
	b.gen++
	if n := len(b.jobs); n > 0 {
		left := max(b.jobs[0].at-b.v, 0)
		s.at(s.now+left*float64(n)/s.sc.Sink.Sharing.speed(n), evShared, b.gen)
	}
}
