package flow

import "math"

// dip learns from a slot at half of the limit: a base, and whether half carries
// as much. The latter happens where more calls do harm, and where the base is
// wrong because the queue is long at half of the limit too.
func (k *knee) dip(r *reading) string {
	k.base = r.latency
	b := &k.before
	r.believed = false // it is no neighbour for the slot after it
	if !b.believed || r.calls > 0.9*b.calls {
		return "base measured"
	}
	dn := math.Log(b.calls / r.calls)
	doubt := math.Sqrt(1/b.answers + 1/r.answers)
	if math.Log(b.goodput/r.goodput)+doubt > k.Target*dn {
		return "base measured"
	}
	k.moveTo(float64(r.limit))
	return "half carries as much"
}

// doubt asks for a dip when measurements contradict the prior: then it is the
// base that is wrong.
func (k *knee) doubt(prior float64) {
	if math.Abs(k.raw.value-prior) <= k.Disagree {
		k.disagree = 0
		return
	}
	if k.disagree++; k.disagree >= 3 {
		k.disagree, k.grid.dipSoon = 0, true
	}
}
