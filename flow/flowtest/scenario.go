package flowtest

import "time"

// epoch is where virtual time begins. It is also where the clock of a
// testing/synctest bubble begins, so that a library which reads time.Now can be
// driven inside one.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC) //nolint:gochecknoglobals // a constant that Go cannot spell

// Scenario is one thing that happens to clients of a sink. Times are seconds.
type Scenario struct {
	ID    string // unique within a set
	Set   string // named, random or fleet
	About string
	Seed  uint64
	End   float64
	Sink  Sink
	Fleet Fleet
	// NoBackoff lets a failed call give its place back at once, see Run.
	NoBackoff bool
}

// Fleet is how many instances stand in front of the sink. The zero Fleet is one
// instance with a true clock.
type Fleet struct {
	Instances int
	Late      int     // how many of them join at LateAt
	LateAt    float64 // seconds
	Skew      float64 // clocks differ from the true one by up to this, seconds
}

func (f Fleet) size() int { return max(f.Instances, 1) }

// Sink is what does not change during a scenario.
type Sink struct {
	Stations int     // a call passes that many queues in a row; zero is one
	Sharing  *USL    // one shared processor in place of the servers
	Pause    Pause   // all servers stop now and then
	Errors   float64 // share of calls that fail after having been served
	PerUnit  float64 // seconds of service for each unit of a call's work, on top of Phase.Service
	Timeout  float64 // the client gives up after this; zero is 10 s. The server works on
	Phases   []Phase // the first starts at 0
}

// Pause is a stop of all servers for For seconds, every Every seconds.
type Pause struct{ Every, For float64 }

// USL is the speed of a processor that n calls share (Gunther's Universal
// Scalability Law): n/(1+Contention(n-1)+Coherence n(n-1)) times that of one.
type USL struct{ Contention, Coherence float64 }

func (u *USL) speed(n int) float64 {
	x := float64(n)
	return x / (1 + u.Contention*(x-1) + u.Coherence*x*(x-1))
}

// Phase is what holds from Start until the next phase.
type Phase struct {
	Start   float64
	Servers int // of each station
	Service Dist
	Net     float64 // network time of a call
	NetTo   float64 // if not zero, Net moves there linearly during the phase
	Batch   Batch   // zero is 100 units
	Cap     int     // a call that finds so many in the system is refused at once; zero is no cap
	Quota   Quota   // zero is none
	Foreign float64 // calls per second of others, which nobody limits
	Supply  float64 // work arrives at this many calls per second; zero is an endless backlog
	Down    Down
}

// Quota admits PerSecond calls a second and answers 429 with RetryAfter seconds
// to those above.
type Quota struct{ PerSecond, Burst, RetryAfter float64 }

// Down is how a sink does not work.
type Down uint8

const (
	// Up is a sink that works.
	Up Down = iota
	// Failing is a sink that answers every call with an error, quickly.
	Failing
	// BlackHole is a sink that answers nothing.
	BlackHole
)

const (
	defaultTimeout = 10.0
	defaultBatch   = 100
	quickAnswer    = 0.004 // a refusal or a quick error, before the network
)

func (s *Sink) timeout() float64 {
	if s.Timeout > 0 {
		return s.Timeout
	}
	return defaultTimeout
}

// mean is the mean service time of a call in a phase.
func (s *Sink) mean(p *Phase) float64 { return p.Service.Mean() + s.PerUnit*p.batch().mean() }

func (p *Phase) batch() Batch {
	if p.Batch.Lo == 0 {
		return Batch{Lo: defaultBatch}
	}
	return p.Batch
}

// until is when phase i ends.
func (sc *Scenario) until(i int) float64 {
	if i+1 < len(sc.Sink.Phases) {
		return sc.Sink.Phases[i+1].Start
	}
	return sc.End
}

// netAt is the network time at t, which lies in phase i.
func (sc *Scenario) netAt(i int, t float64) float64 {
	p := &sc.Sink.Phases[i]
	if p.NetTo == 0 {
		return p.Net
	}
	return p.Net + (p.NetTo-p.Net)*(t-p.Start)/(sc.until(i)-p.Start)
}
