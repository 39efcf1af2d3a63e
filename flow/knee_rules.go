package flow

// kneeRules are the constants of [Knee]. Beside each stands which sink of
// flowtest needs it most, from the ablation in docs/adr/0002-knee.md; F2 to F8
// are fleets.
type kneeRules struct {
	Target float64 // elasticity that is held: 19-softknee wants less, F8/11-dbthrash more

	Add      float64 // calls added with each step up: fairness in a fleet, Jain .90 against .86
	Up       float64 // step up per elasticity above the target, times L^UpPower: slow bimodal sinks
	UpPower  float64 // below 1 for large limits: F4/08-neighbour
	Down     float64 // step down in lnL per elasticity below the target: F8/11-dbthrash
	Fast     float64 // further step up per elasticity above FastFrom, times L: slow sinks whose capacity grows
	FastFrom float64 // F8/11-dbthrash, F8/08-neighbour
	Near     float64 // Fast only while latency is less than so many times the base: F4/08-neighbour

	Prior float64 // pull of (base/latency)^Power on the elasticity, after each pair: slow sinks whose capacity grows
	Power float64 // 02-stepdown wants more, 19-softknee less
	Bend  float64 // fall of elasticity per lnL on the way up: F8late/11-dbthrash
	Drift float64 // variance that elasticity gains with each pair: F4/02-stepdown
	Moved float64 // and for each squared lnL moved: F8/17-latstep, 10-batchlat

	Dither float64 // width in lnL, over the root of the answers: F8/11-dbthrash

	Latencies   float64 // in a slot, at least: F4/08-neighbour, and growing sinks want no more
	Completions float64 // in a slot, at least: small slow sinks
	Sure        float64 // times as many in a step of slow start: slow bimodal sinks with many servers
	Smooth      float64 // weight of a slot in the latency that sets their length: F8/12-outage, bimodal sinks

	DipEvery float64 // seconds between dips: F8/02-stepdown
	DipSlots float64 // but not sooner than after so many slots, or slow sinks pay for it
	Disagree float64 // a dip sooner, when measurements and prior differ by this: 17-latstep
	Beyond   float64 // and no wait for the dip beyond so many times the base: latency that rises tenfold
	Stray    float64 // variance that measurement gains with each pair beyond that: service that becomes ten times slower

	Queue float64 // drain when latency is so many times the base, and not by chance: F8/02-stepdown

	Full    float64 // share of the limit that must be used, to learn anything: 18-caughtup
	Failing float64 // share of failures that is tolerated; no sink of flowtest needs it beside the places that failed calls keep, one that fails nine of ten calls would
	Some    float64 // failures that mean something, fewer when the limit is lower: one poisoned record in a quiet pipeline
	Open    float64 // seconds without a call when all fail: 12-outage

	Slower float64 // slow start ends when latency is so many times that of its quickest steps, and not by chance: every sink
}

func kneeStandard() kneeRules {
	return kneeRules{
		Target: 0.23,
		Add:    0.35, Up: 0.65, UpPower: 0.75, Down: 1,
		Fast: 2, FastFrom: 0.4, Near: 1.25,
		Prior: 0.15, Power: 3, Bend: 0.7, Drift: 0.004, Moved: 0.3,
		Dither:    2.8,
		Latencies: 3, Completions: 10, Sure: 3, Smooth: 0.2,
		DipEvery: 25.6, DipSlots: 32, Disagree: 0.5, Beyond: 5, Stray: 0.1,
		Queue: 2,
		Full:  0.85, Failing: 0.2, Some: 5, Open: 1,
		Slower: 1.6,
	}
}
