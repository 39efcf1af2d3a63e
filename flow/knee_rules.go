package flow

// kneeRules are the constants of [Knee]. What each is worth was measured, see
// docs/adr/0002-knee.md; beside each stands what it is needed for.
type kneeRules struct {
	Target  float64 // elasticity that is held
	Add     float64 // calls added with each step up
	Up      float64 // step up per elasticity above the target, times L^UpPower
	UpPower float64
	Down    float64 // step down in lnL per elasticity below it
	Fast    float64 // further step up per elasticity above FastFrom, times L, while latency is less than Near times the base
	FastFrom,
	Near float64

	Prior    float64 // pull of (base/latency)^Power on the elasticity, after each pair
	Power    float64
	Bend     float64 // fall of elasticity per lnL on the way up
	Drift    float64 // variance that elasticity gains with each pair
	RawDrift float64 // the same for measurements alone
	Moved    float64 // and for each squared lnL moved

	NoiseGain float64 // learning rate of the variance of a count

	Dither float64 // width in lnL, times sqrt(noise/answers) ...
	Narrow float64 // ... at least
	Wide   float64 // ... at most

	Latencies   float64 // in a slot, at least
	Completions float64 // in a slot, at least
	Sure        float64 // times as many in slow start
	Keep        float64 // a slot is cut only if it is so many times too long
	Smooth      float64 // weight of a slot in the latency that sets their length

	DipEvery float64 // seconds
	DipSlots float64 // but not more often than every so many slots
	Disagree float64 // a dip sooner, when measurements and prior differ by this ...
	Settled  float64 // ... and the variance of the measurements is below this

	Queue   float64 // drain when latency is so many times the base
	DrainTo float64 // down to this, at most

	FloorAnswers float64 // at the lowest limit so many may raise the base

	Full    float64 // share of the limit that was used, to learn anything
	Stall   float64 // share of a slot without an answer, to learn nothing
	Failing float64 // share of failures that is tolerated
	Some    float64 // failures that mean something; fewer when the limit is lower
	Open    float64 // seconds without a call when all fail

	Follow float64 // slow start goes on while elasticity is above this ...
	Hedge  float64 // ... less so many standard errors
	Slower float64 // ... and latency below so many times the first
}

func kneeStandard() kneeRules {
	return kneeRules{
		Target: 0.23, Add: 0.35, Up: 0.65, UpPower: 0.75, Down: 1,
		Fast: 2, FastFrom: 0.4, Near: 1.25,
		Prior: 0.15, Power: 3, Bend: 0.7, Drift: 0.004, RawDrift: 0.02, Moved: 0.3,
		NoiseGain: 0.03,
		Dither:    2.8, Narrow: 0.12, Wide: 0.6,
		Latencies: 3, Completions: 10, Sure: 2, Keep: 2.5, Smooth: 0.2,
		DipEvery: 25.6, DipSlots: 32, Disagree: 0.5, Settled: 0.15,
		Queue: 2, DrainTo: 1.3,
		FloorAnswers: 24,
		Full:         0.85, Stall: 0.5, Failing: 0.2, Some: 5, Open: 1,
		Follow: 0.6, Hedge: 0.7, Slower: 1.6,
	}
}
