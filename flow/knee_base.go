package flow

import "math"

// dip learns from a slot at half of the limit: a base, and whether half carries
// as much. The latter happens where more calls do harm, and where the base is
// wrong because the queue is long at half of the limit too.
func (k *knee) dip(r *reading) string {
	k.base, k.answers = r.latency, r.answers
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

// unsure is the relative standard error of the latency of so many answers over the
// base, as far as calls differ as if exponentially.
func (k *knee) unsure(answers float64) float64 { return math.Sqrt(1/answers + 1/k.answers) }

// doubt compares measurements, which know of no base, with the prior, which
// believes it, after a pair of slots whose latency was r. When they contradict each
// other again and again it is the base that is wrong, and a dip is due. But dips
// wait for a slot in which all instances take theirs, and where calls take many
// times the base the limit falls meanwhile. So there the base with which both would
// agree is taken at once, and the dip looks again.
func (k *knee) doubt(prior, r, answers float64) {
	if r > k.Beyond*k.base { // what was measured at another latency says little here
		k.raw.moved(0, k.Stray)
	}
	if math.Abs(k.raw.value-prior) <= k.Disagree {
		k.disagree = 0
		return
	}
	k.disagree++
	far := k.raw.value > prior && r > k.Beyond*k.base
	if k.disagree < 2 || k.disagree < 3 && !far {
		return
	}
	k.disagree, k.grid.dipSoon = 0, true
	if far {
		k.base, k.answers = r*math.Pow(k.raw.value, 1/k.Power), answers
	}
}
