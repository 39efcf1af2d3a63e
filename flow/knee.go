package flow

import (
	"hash/fnv"
	"math"
	"math/rand/v2"
	"time"
)

// KneeConfig sets [Knee]. Everything may be zero.
type KneeConfig struct {
	// Sink names what is called. All instances in front of one sink use the same
	// name: their clocks and this name are all that keeps them in step.
	Sink string
	// Min, Max and Initial bound the calls in flight. Zero means 1, 512 and 4.
	Min, Max, Initial int
	// Target is the elasticity to hold. Zero means 0.23, which is for work that
	// waits anyway; a server, whose callers wait, wants more, and has less latency
	// for a little goodput.
	Target float64
	// Seed fixes the jitter of probes. Zero takes a seed of its own, which is what
	// instances that must not probe together want.
	Seed uint64
}

// Knee returns the algorithm that looks for the knee: the number of calls in
// flight beyond which more of them only wait. It measures rather than models. It
// moves the limit a little up and down around its value, compares the goodput of
// neighbouring slots, and so knows the elasticity e = dlnG/dlnN: 1 where every
// further call is further work, 0 where it only queues, negative where it harms.
// It holds e at 0.23.
//
// Slots are slots of wall-clock time. Instances whose clocks agree to about 100
// milliseconds step together, each measures what all of them cause, and a fleet
// behaves as one controller without a message between its parts.
//
// It needs what an endless backlog gives: calls that use the limit up. While they
// do not, nothing is learned and the limit stays. docs/adr/0002-knee.md has the
// reasons, what each rule is worth, and the limits of the approach.
func Knee(cfg KneeConfig) Algorithm { return newKnee(cfg, kneeStandard()) }

// knee is the state of the law. Times are seconds.
type knee struct {
	kneeRules
	min, max float64
	rnd      *rand.Rand
	grid     grid

	mode    kneeMode
	limit   float64 // calls in flight, before dither
	e       filter  // elasticity, as the law believes it
	raw     filter  // elasticity, as measurements alone say
	base    float64 // latency of the last dip
	answers float64 // with which it was measured
	latency float64 // of the last slot that was believed

	now      reading // the slot that runs
	before   reading // the slot before, if it was believed
	step     reading // of slow start, so far
	landing  float64 // the limit of the step before
	quickest float64 // latency of the quickest steps of slow start
	typical  float64 // latency, smoothed: it sets the length of slots
	disagree int     // how many times running raw and the prior did
	waits    bool    // no call ended in the slot before
}

type kneeMode uint8

const (
	kneeStart kneeMode = iota // doubling
	kneeCruise
	kneeOpen  // nothing starts for a while
	kneeProbe // one call is out
)

// reading is what a slot measured.
type reading struct {
	phase    phase
	limit    int
	calls    float64 // mean in flight
	goodput  float64 // units a second
	latency  float64 // seconds
	answers  float64
	took     float64 // seconds
	believed bool
}

func newKnee(cfg KneeConfig, rules kneeRules) *knee {
	k := &knee{kneeRules: rules, min: float64(max(cfg.Min, 1)), max: float64(cfg.Max)}
	if cfg.Max <= 0 {
		k.max = 512
	}
	if cfg.Target > 0 {
		k.Target = cfg.Target
	}
	k.max = max(k.max, k.min)
	if cfg.Initial <= 0 {
		cfg.Initial = 4
	}
	if cfg.Seed == 0 {
		cfg.Seed = rand.Uint64()
	}
	h := fnv.New64a()
	_, _ = h.Write([]byte(cfg.Sink)) // a hash takes everything
	k.rnd = rand.New(rand.NewPCG(cfg.Seed, h.Sum64()))
	k.grid = grid{
		length: shortestSlot, offset: time.Duration(h.Sum64() % uint64(longestSlot)),
		dipSlots: int64(rules.DipSlots),
		dipEvery: time.Duration(min(rules.DipEvery, 1e9) * float64(time.Second)),
	}
	k.slowStart(float64(cfg.Initial))
	return k
}

// Next implements [Algorithm].
func (k *knee) Next(now time.Time, w Window) Plan {
	if w.End.Equal(w.Start) {
		return k.plan(now, "starting")
	}
	return k.plan(now, k.learn(&w))
}

// learn is the law: what the slot w changes, and why.
func (k *knee) learn(w *Window) string {
	failed := w.Calls[Retry] + w.Calls[Overload]
	enough := failed >= k.meaning()
	k.waits = false
	switch {
	case k.mode == kneeOpen:
		k.mode = kneeProbe
		return "probing"
	case w.Served() == 0 && failed > 0 && w.Work == 0 && (enough || k.mode == kneeProbe):
		return k.open()
	case k.mode == kneeProbe && w.Served() == 0:
		return "probing"
	case k.mode == kneeProbe:
		k.slowStart(2)
		if k.base > 0 { // while nothing was answered the slots grew, and latency meant nothing
			k.latency, k.typical = k.base, k.base
			k.grid.fit(k.base * max(k.Latencies, k.Sure*k.Completions/k.limit))
		}
		return "answers again"
	}
	answers := float64(w.Completed())
	chance := math.Sqrt(k.Failing * (1 - k.Failing) / answers) // a standard error of the share
	if share := float64(failed) / answers; enough && share > k.Failing+chance {
		return k.shrink(share)
	}
	r, why := k.read(w)
	if why == "" {
		why = k.use(&r)
	}
	k.before = r
	return why
}

// meaning is how many failures are no accident.
func (k *knee) meaning() int { return int(math.Ceil(min(k.limit, k.Some))) }

// use moves the limit by what a reading says.
func (k *knee) use(r *reading) string {
	k.latency = r.latency
	if k.base == 0 {
		k.base, k.answers = r.latency, r.answers
	}
	switch {
	case k.mode == kneeStart:
		return k.double(r)
	case r.phase == phaseDip:
		return k.dip(r)
	}
	if k.before.believed {
		k.compare(&k.before, r)
		if r.phase.endsPair() {
			return k.move(math.Sqrt(k.before.latency*r.latency), k.before.answers+r.answers)
		}
	}
	return "measuring"
}

// compare learns from two neighbouring slots. The variance of the logarithm of a
// count is one over the count.
func (k *knee) compare(a, b *reading) {
	dn, dg := math.Log(b.calls/a.calls), math.Log(b.goodput/a.goodput)
	v := 1/a.answers + 1/b.answers
	k.e.observe(dn, dg, v)
	k.raw.observe(dn, dg, v)
}

// move is the step after a pair of slots whose latency was r, by that many answers.
func (k *knee) move(r, answers float64) string {
	prior := math.Pow(min(k.base/r, 1), k.Power)
	k.e.value += k.Prior * (prior - k.e.value)
	sure := k.Queue * (1 + k.unsure(answers)) // before doubt takes another base
	k.doubt(prior, r, answers)
	l, d, why := k.limit, k.e.value-k.Target, "at the knee"
	switch {
	case d > 0:
		l += k.Add + k.Up*d*math.Pow(l, k.UpPower)
		if r < k.Near*k.base {
			l += k.Fast * max(k.e.value-k.FastFrom, 0) * k.limit
		}
		why = "goodput follows"
	default:
		l *= math.Exp(k.Down * d)
		if d < -0.05 {
			why = "goodput does not follow"
		}
	}
	if r > sure*k.base && k.e.value < 0.5 {
		l, why = min(l, 0.6*k.limit), "queueing at the sink"
	}
	k.moveTo(l)
	return why
}

// moveTo sets the limit. Elasticity is not the same there: it falls on the way
// up, and the filter knows less about it the further the way.
func (k *knee) moveTo(l float64) {
	l = k.clamp(l)
	way := math.Log(l / k.limit)
	k.limit = l
	k.e.moved(-k.Bend*way, k.Drift+k.Moved*way*way)
	k.raw.moved(0, k.Drift+k.Moved*way*way)
}

func (k *knee) clamp(l float64) float64 { return min(max(l, k.min), k.max) }
