package flow

import "time"

// AIMDConfig bounds [AIMD]. Zero means 1, 256 and 4.
type AIMDConfig struct {
	Min, Max, Initial int
}

// AIMD returns the algorithm that adds while the sink keeps up and multiplies
// down when it refuses (Chiu and Jain, 1989). Two additions: it stops climbing
// where a higher limit only made calls slower, so that a sink that queues
// instead of refusing is not flooded; and when nothing succeeds any more it
// holds, sends one probe at a time, and climbs back quickly to half of what it
// had.
func AIMD(cfg AIMDConfig) Algorithm {
	a := &aimd{min: max(cfg.Min, 1), max: cfg.Max}
	if a.max == 0 {
		a.max = 256
	}
	a.max = max(a.max, a.min)
	if cfg.Initial == 0 {
		cfg.Initial = 4
	}
	a.limit = float64(min(max(cfg.Initial, a.min), a.max))
	a.threshold = float64(a.max)
	return a
}

const (
	aimdDown  = 0.7              // Vector's 0.9 is slow after a step down, TCP's 0.5 gives up too much
	aimdQueue = 2.0              // latency over the lowest at which a call waits longer than it works
	aimdFresh = 30 * time.Second // how long the lowest latency is believed
	aimdShort = 50 * time.Millisecond
	aimdLong  = time.Second
	aimdProbe = 100 * time.Millisecond
	aimdQuiet = 2 * time.Second
)

type aimd struct {
	min, max  int
	limit     float64
	threshold float64 // below it the limit doubles, above it it adds

	base    time.Duration // lowest latency seen lately
	seen    time.Time     // when it was
	rate    float64       // work a second in the slot before
	backoff time.Duration // while probing
}

// Next implements [Algorithm].
func (a *aimd) Next(now time.Time, w Window) Plan {
	if w.End.Equal(w.Start) {
		return a.plan(now, 0, "starting")
	}
	failed := w.Calls[Retry] + w.Calls[Overload]
	switch {
	case w.Calls[Done]+w.Calls[Reject] == 0 && failed > 0:
		return a.probe(now)
	case w.Completed() == 0 && w.InFlight > 0:
		return a.plan(now, 0, "no answer yet")
	case w.Completed() == 0:
		return a.plan(now, 0, "idle")
	}
	a.backoff = 0
	reason := a.move(now, &w)
	a.limit = min(max(a.limit, float64(a.min)), float64(a.max))
	return a.plan(now, w.Latency(), reason)
}

// move changes the limit by what a slot with answers showed.
func (a *aimd) move(now time.Time, w *Window) string {
	latency, rate := w.Latency(), float64(w.Work)/w.End.Sub(w.Start).Seconds()
	grew := rate > a.rate*1.02
	a.rate = rate
	if w.Calls[Overload] > 0 { // refusals are quick: the latency of this slot says nothing
		a.limit *= aimdDown
		a.threshold = a.limit
		return "overload"
	}
	if a.base == 0 || latency <= a.base || now.Sub(a.seen) > aimdFresh {
		a.base, a.seen = latency, now
	}
	switch {
	case float64(latency) > aimdQueue*float64(a.base) && !grew:
		a.limit = max(a.limit*0.95, a.limit-1)
		a.threshold = a.limit
		return "queueing at the sink"
	case w.Full < 0.5:
		return "not full"
	case a.limit < a.threshold && float64(latency) <= aimdQueue*float64(a.base):
		a.limit *= 2
		return "climbing fast"
	}
	a.limit += max(1, a.limit/16)
	return "climbing"
}

// probe is the plan while nothing succeeds: one call at a time, ever less often.
func (a *aimd) probe(now time.Time) Plan {
	if a.backoff == 0 {
		a.threshold = max(a.limit/2, float64(a.min))
		a.backoff = aimdProbe / 2
	}
	a.limit = float64(a.min)
	a.backoff = min(a.backoff*2, aimdQuiet)
	until := now.Add(a.backoff)
	return Plan{Limit: 1, HoldUntil: until, End: until.Add(time.Millisecond), Reason: "probing"}
}

func (a *aimd) plan(now time.Time, latency time.Duration, reason string) Plan {
	slot := min(max(3*latency, aimdShort), aimdLong)
	return Plan{Limit: int(a.limit), End: now.Add(slot), Reason: reason}
}
