package flow

import (
	"math"
	"time"
)

const (
	shortestSlot = 25 * time.Millisecond
	longestSlot  = shortestSlot << 10 // 25.6 s

	// What slow start takes for the base is by far too low where few calls are
	// answered in a step and some are much quicker than others, and where slots are
	// long the next dip is minutes away. So there the first dip is soon: r3235044798-131
	// of the random sinks is .15 without it.
	longSlot = shortestSlot << 5 // 800 ms
	firstDip = 8                 // slots
)

// grid divides wall-clock time into slots. Their edges are multiples of their
// length, the same in every instance, and slots of different lengths nest.
type grid struct {
	length   time.Duration
	offset   time.Duration // sinks are out of step with each other, instances of one are not
	dipEvery time.Duration
	dipSlots int64
	dipSoon  bool
	dipFirst bool // none was since slow start
}

// phase is the part that a slot plays.
type phase uint8

const (
	phaseFirst phase = iota // high; low, low and high follow: that order cancels a linear drift
	phaseSecond
	phaseThird
	phaseFourth
	phaseDip
)

func (p phase) high() bool     { return p == phaseFirst || p == phaseFourth }
func (p phase) endsPair() bool { return p == phaseSecond || p == phaseFourth }

// at returns the part of the slot that contains t, and how long it still lasts.
func (g *grid) at(t time.Time) (p phase, left time.Duration) {
	wall := t.UnixNano() + int64(g.offset)
	length := int64(g.length)
	slot := wall / length
	left = time.Duration((slot+1)*length - wall)
	if left > g.length/2 && g.dips(slot) {
		return phaseDip, left
	}
	return phase(slot & 3), left
}

// dips reports whether a slot is one in which the limit is halved.
func (g *grid) dips(slot int64) bool {
	every := max(int64(g.dipEvery/g.length), 1)
	for every < g.dipSlots {
		every *= 2
	}
	switch {
	case g.dipFirst && g.length >= longSlot:
		every = firstDip
	case g.dipSoon:
		every = max(int64(3200*time.Millisecond/g.length), 16)
	}
	if slot%every != 0 {
		return false
	}
	g.dipSoon, g.dipFirst = false, false
	return true
}

// fit takes the shortest slots that are at least want seconds long.
func (g *grid) fit(want float64) {
	g.length = shortestSlot
	for g.length.Seconds() < want && g.length < longestSlot {
		g.length *= 2
	}
}

// read turns a window into a reading. why is not empty when nothing can be
// learned from it.
func (k *knee) read(w *Window) (r reading, why string) {
	took, answers := w.End.Sub(w.Start).Seconds(), w.Completed()
	r = k.now
	switch {
	case w.Throttled > 0:
		return r, "throttled"
	case answers == 0 && w.InFlight > 0.5:
		k.grid.fit(2 * k.grid.length.Seconds())
		k.waits = true
		return r, "no answer yet"
	case answers == 0 || w.Work == 0:
		return r, "no work"
	}
	r.took, r.calls, r.answers = took, w.InFlight, float64(answers)
	r.goodput, r.latency = float64(w.Work)/took, w.Latency().Seconds()
	if w.InFlight < k.Full*float64(w.Limit)-0.5 {
		return r, "not full"
	}
	need, enough := k.Completions, 0.75*k.grid.length.Seconds()
	if k.mode == kneeStart { // a slot that turns out too short for what it met does say that calls became slower
		need, enough = k.Sure*need, k.Latencies*min(k.quickest, r.latency)
	}
	if k.typical == 0 {
		k.typical = r.latency
	}
	k.typical *= math.Pow(r.latency/k.typical, k.Smooth)
	k.grid.fit(k.typical * max(k.Latencies, need/k.limit))
	if took < enough {
		return r, "slot too short"
	}
	r.believed = true
	return r, ""
}

// plan is the slot that begins now.
func (k *knee) plan(now time.Time, why string) Plan {
	p, left := k.grid.at(now)
	plan := Plan{
		End: now.Add(left), Keep: time.Duration(k.latency * float64(time.Second)), Reason: why,
		Insight: Insight{Elasticity: k.e.value, Base: time.Duration(k.base * float64(time.Second))},
	}
	if k.waits { // a call that fails now would be replaced until the end of a slot that has grown
		plan.EndAfter = k.meaning()
	}
	if k.base > 0 {
		plan.Stretch = k.latency / k.base
	}
	switch {
	case k.mode == kneeOpen:
		plan.HoldUntil = now.Add(time.Duration(k.Open * (1 + k.rnd.Float64()/2) * float64(time.Second)))
		plan.Limit, plan.End = 1, plan.HoldUntil
	case k.mode == kneeProbe:
		plan.Limit, plan.End = 1, now.Add(shortestSlot)
		plan.Keep = max(plan.Keep, shortestSlot) // no second probe in this slot if the first fails
	case k.mode == kneeStart:
		plan.Limit = int(k.limit)
	case p == phaseDip && k.limit >= 2*k.min:
		plan.Limit = int(k.limit / 2)
	default:
		if p == phaseDip { // there is nothing lower
			p = phaseFirst
		}
		plan.Limit = k.dithered(p.high())
	}
	k.now = reading{phase: p, limit: plan.Limit}
	return plan
}

// dithered is the limit of a slot: as wide as the answers of one slot need to
// tell its goodput from that of its neighbour.
func (k *knee) dithered(high bool) int {
	width := 0.0
	if k.latency > 0 {
		answers := k.grid.length.Seconds() * k.limit / k.latency
		width = min(k.Dither/math.Sqrt(answers), 1)
	}
	lo := max(math.Round(k.limit*math.Exp(-width/2)), k.min)
	if !high {
		return int(lo)
	}
	hi := max(math.Round(k.limit*math.Exp(width/2)), lo+1)
	return int(min(hi, k.max))
}
