package flow

import "math"

// slowStart begins to double, from limit.
func (k *knee) slowStart(limit float64) {
	k.mode, k.limit, k.first = kneeStart, k.clamp(limit), 0
	k.step, k.again = reading{}, reading{}
	k.before = reading{}
	k.e, k.raw, k.noise = filter{0.3, 0.25}, filter{0.3, 0.25}, 1
}

// double goes on with slow start, or ends it on the limit before: when goodput
// did not follow, or when calls became slower. A few answers easily deceive, and
// the way up from a limit that is far too low is long: so a step lasts until it
// has its answers.
func (k *knee) double(r *reading) string {
	b := &k.step
	k.again.add(r)
	r = &k.again
	if r.answers < k.Sure*k.Completions {
		return "few answers"
	}
	if b.answers == 0 {
		k.base, k.first = r.latency, r.latency
	} else if why := k.ends(b, r); why != "" {
		k.cruise(float64(b.limit))
		return why
	}
	k.step, k.again = *r, reading{}
	if k.limit >= k.max {
		k.cruise(k.max)
		return "at the most allowed"
	}
	k.limit = k.clamp(2 * k.limit)
	return "doubling"
}

// ends says why slow start ends with r after b, empty when it does not.
func (k *knee) ends(b, r *reading) string {
	way := math.Log(r.calls / b.calls)
	doubt := k.Hedge * math.Sqrt(1/r.answers+1/b.answers)
	switch {
	case r.latency > k.Slower*k.first*(1+1/math.Sqrt(r.answers)):
		return "calls became slower"
	case way > 0 && math.Log(r.goodput/b.goodput)+doubt < k.Follow*way:
		return "goodput stopped following"
	}
	return ""
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
