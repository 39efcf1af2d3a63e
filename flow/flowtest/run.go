package flowtest

import (
	"math/rand/v2"
	"time"

	"github.com/weir-kafka/weir/flow"
)

// call is one attempt. It is used again when both sides have let go of it.
type call struct {
	start    float64
	work     int32
	instance int32 // -1: a call of others
	serial   uint32
	station  uint8
	verdict  flow.Verdict
	ended    bool    // the client knows its outcome
	released bool    // and has given its permit back
	gone     bool    // the sink is done with it
	asked    float64 // Retry-After, seconds
	took     float64 // latency
}

type deadline struct {
	at     float64
	call   int32
	serial uint32
}

// sim is one run.
type sim struct {
	sc      *Scenario
	now     float64
	seq     uint32
	events  eventHeap
	replies ring[event] // in order, as long as the network does not become quicker: cheaper than a heap
	calls   []call
	free    []int32
	expire  ring[deadline] // in order, because the timeout is the same for all
	phase   int
	backlog int // calls of work waiting; counts only while Phase.Supply is set

	clients []client
	backend backend
	rec     recorder

	service, foreign, dispatch *rand.Rand // separate, so that limiters meet the same neighbours
	advance                    func(time.Time)
	every                      float64 // between looks, seconds
	most                       int     // calls after which a warm run may end early; zero is never
}

// Run lets the limiter of m work through sc.
//
// Each instance starts calls while its subject allows and there is work; it
// looks again at every completion, at HoldUntil, and every 5 ms, which is when
// a limiter that ends its slots lazily gets to do so.
//
// A failed call keeps its place until R(1..1.5) after its start, R being the
// moving mean latency of the calls that succeeded, and then its work is
// repeated before new work. Every subject is given that: without it those that
// ignore failures would be judged by how fast a client can spin. Only a
// [flow.Limiter] is not, because it keeps the places of failed calls itself
// when its algorithm says so. Scenario.NoBackoff takes it away. Retry-After is
// only reported to the subject: to obey it is the
// limiter's part.
func Run(sc *Scenario, m Maker) *Result { return newSim(sc, m, nil).run() }

// RunWith is [Run], and calls advance with the true virtual time before each
// call of a subject. Inside a testing/synctest bubble, whose clock begins where
// virtual time does, advance can sleep until then: so a library that reads
// time.Now can be judged as it is.
func RunWith(sc *Scenario, m Maker, advance func(to time.Time)) *Result {
	return newSim(sc, m, advance).run()
}

const tick = 0.005

func newSim(sc *Scenario, m Maker, advance func(time.Time)) *sim {
	s := &sim{sc: sc, advance: advance, every: tick}
	s.service = rand.New(rand.NewPCG(sc.Seed, 1))
	s.foreign = rand.New(rand.NewPCG(sc.Seed, 2))
	s.dispatch = rand.New(rand.NewPCG(sc.Seed, 3))
	s.backend.init(&sc.Sink)
	s.rec.init(sc)
	for i := range sc.Sink.Phases {
		s.at(sc.Sink.Phases[i].Start, evPhase, int32(i))
	}
	s.join(m) // after the first phase: it fills the quota
	s.at(0, evTick, 0)
	return s
}

func (s *sim) run() *Result {
	for s.step() {
		if s.most > 0 && s.rec.endedCalls >= s.most && s.now >= 2*s.rec.since {
			break
		}
	}
	return s.result()
}

// step handles the next event and says whether there may be another.
func (s *sim) step() bool {
	next, fromRing := &s.events[0], false // a tick is always planned
	if s.replies.n > 0 && s.replies.front().before(next) {
		next, fromRing = s.replies.front(), true
	}
	if d := s.nextDeadline(); d != nil && d.at <= next.at {
		if d.at >= s.sc.End {
			return false
		}
		s.now = d.at
		s.end(s.expire.pop().call, flow.Overload)
		return true
	}
	if next.at >= s.sc.End {
		return false
	}
	var e event
	if fromRing {
		e = s.replies.pop()
	} else {
		e = s.events.pop()
	}
	s.now = e.at
	s.handle(e)
	return true
}

// nextDeadline drops the deadlines of calls that have ended.
func (s *sim) nextDeadline() *deadline {
	for s.expire.n > 0 {
		d := s.expire.front()
		if c := &s.calls[d.call]; c.serial == d.serial && !c.ended {
			return d
		}
		s.expire.pop()
	}
	return nil
}

func (s *sim) handle(e event) {
	switch e.kind {
	case evTick:
		s.tick()
	case evWake:
		s.start(&s.clients[e.arg])
	case evJoin:
		s.enlist(&s.clients[e.arg])
	case evPhase:
		s.enterPhase(int(e.arg))
	case evForeign:
		s.foreignCall(int(e.arg))
	case evSupply:
		s.supply(int(e.arg))
	case evServed:
		s.served(e.arg)
	case evShared:
		s.shared(e.arg)
	case evReply:
		s.reply(e.arg)
	case evRelease:
		s.release(e.arg)
	}
}

func (s *sim) at(t float64, kind eventKind, arg int32) {
	s.seq++
	s.events.push(event{at: t, seq: s.seq, arg: arg, kind: kind})
}

// replyAt plans the arrival of an answer at the client.
func (s *sim) replyAt(t float64, id int32) {
	if s.replies.n > 0 && t < s.replies.back().at {
		s.at(t, evReply, id)
		return
	}
	s.seq++
	s.replies.push(event{at: t, seq: s.seq, arg: id, kind: evReply})
}

func (s *sim) ph() *Phase { return &s.sc.Sink.Phases[s.phase] }

func (s *sim) net() float64 { return s.sc.netAt(s.phase, s.now) }

func (s *sim) enterPhase(i int) {
	s.backend.settle(s)
	s.phase = i
	p := s.ph()
	s.backend.begin(s)
	s.backlog = 0
	if p.Foreign > 0 {
		s.at(s.now+s.foreign.ExpFloat64()/p.Foreign, evForeign, int32(i))
	}
	if p.Supply > 0 {
		s.at(s.now+s.foreign.ExpFloat64()/p.Supply, evSupply, int32(i))
	}
	s.startAll()
}

func (s *sim) foreignCall(phase int) {
	if phase != s.phase {
		return
	}
	id := s.newCall(-1, 0)
	s.at(s.now+s.foreign.ExpFloat64()/s.ph().Foreign, evForeign, int32(phase))
	s.arrive(id)
}

func (s *sim) supply(phase int) {
	if phase != s.phase {
		return
	}
	s.backlog++
	s.at(s.now+s.foreign.ExpFloat64()/s.ph().Supply, evSupply, int32(phase))
	s.startAll()
}

func (s *sim) tick() {
	s.at(s.now+s.every, evTick, 0)
	for i := range s.clients {
		if c := &s.clients[i]; c.sub != nil {
			s.start(c)
			s.watchHold(c)
		}
	}
	s.rec.tick(s)
}

func (s *sim) newCall(instance int32, work int32) int32 {
	var id int32
	if n := len(s.free); n > 0 {
		id = s.free[n-1]
		s.free = s.free[:n-1]
	} else {
		id = int32(len(s.calls))
		s.calls = append(s.calls, call{})
	}
	c := &s.calls[id]
	*c = call{start: s.now, work: work, instance: instance, serial: c.serial + 1}
	return id
}

// let frees a call once nobody holds it.
func (s *sim) let(id int32) {
	if c := &s.calls[id]; c.gone && (c.released || c.instance < 0) {
		s.free = append(s.free, id)
	}
}
