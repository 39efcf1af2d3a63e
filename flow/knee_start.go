package flow

import "math"

// slowStart begins to double, from limit.
func (k *knee) slowStart(limit float64) {
	k.mode, k.limit, k.landing, k.quickest = kneeStart, k.clamp(limit), k.clamp(limit), math.Inf(1)
	k.before, k.step = reading{}, reading{}
	k.e, k.raw = filter{0.3, 0.25}, filter{0.3, 0.25}
}

// double goes on with slow start, or ends it on the limit before when calls became
// slower: by Little's law that is where goodput stopped following. A few answers
// easily deceive, and the way up from a limit that is far too low is long: so a
// step lasts until it has its answers. The comparison is with the quickest steps:
// the first may have met the slow start of other instances.
func (k *knee) double(r *reading) string {
	k.step.add(r)
	if k.step.answers < k.Sure*k.Completions {
		return "few answers"
	}
	latency, answers := k.step.latency, k.step.answers
	k.step = reading{}
	if latency > k.Slower*k.quickest*(1+k.unsure(answers)) {
		k.cruise(k.landing)
		return "calls became slower"
	}
	switch { // half of the way down: a quick step may be luck
	case math.IsInf(k.quickest, 1):
		k.quickest, k.answers = latency, answers
	case latency < k.quickest:
		k.quickest, k.answers = math.Sqrt(k.quickest*latency), max(k.answers, answers)
	}
	k.base = k.quickest
	if k.limit >= k.max {
		k.cruise(k.max)
		return "at the most allowed"
	}
	k.landing, k.limit = k.limit, k.clamp(2*k.limit)
	return "doubling"
}

// add makes of two readings at one limit one.
func (r *reading) add(o *reading) {
	if r.answers == 0 {
		*r = *o
		return
	}
	took, answers := r.took+o.took, r.answers+o.answers
	r.latency = (r.latency*r.answers + o.latency*o.answers) / answers
	r.goodput = (r.goodput*r.took + o.goodput*o.took) / took
	r.calls = (r.calls*r.took + o.calls*o.took) / took
	r.took, r.answers = took, answers
}

// cruise goes over from doubling to holding the elasticity.
func (k *knee) cruise(limit float64) {
	k.grid.dipFirst = k.mode == kneeStart
	k.mode, k.limit = kneeCruise, k.clamp(limit)
	k.before = reading{}
}

// shrink gives way when too large a share of the calls fails, in proportion.
func (k *knee) shrink(share float64) string {
	k.cruise(k.limit * max(0.5, (1-share)/(1-k.Failing)))
	return "calls fail"
}

// open stops all calls for a while because none is served.
func (k *knee) open() string {
	k.mode, k.limit = kneeOpen, k.min
	k.before = reading{}
	return "all calls fail"
}
