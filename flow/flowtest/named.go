package flowtest

// Named returns the twenty sinks that a limiter must know how to live with. The
// seed fixes the service times, not the parameters.
func Named(seed uint64) []Scenario {
	all := []Scenario{
		named("01-mmc", "fixed capacity: 24 servers of 40 ms", 120, Sink{Phases: []Phase{pool(0, 24)}}),
		named("02-stepdown", "40 servers, 8 from 60 s", 120, Sink{Phases: []Phase{pool(0, 40), pool(60, 8)}}),
		named("03-stepup", "8 servers, 80 from 60 s", 120, Sink{Phases: []Phase{pool(0, 8), pool(60, 80)}}),
		brownout(),
		named("05-gcpause", "all servers stop 400 ms every 5 s", 120,
			Sink{Pause: Pause{Every: 5, For: 0.4}, Phases: []Phase{pool(0, 24)}}),
		named("06-pareto", "heavy tail: 32 servers, Pareto 1.4 from 10 ms, cut at 4 s", 120,
			Sink{Phases: []Phase{{Servers: 32, Service: Dist{Shape: Pareto, A: 0.010, B: 4}, Net: 0.010}}}),
		drift(),
		neighbour(),
		quota(),
		batches(),
		named("11-dbthrash", "a shared processor that thrashes beyond 28 calls", 120,
			Sink{Sharing: &USL{Contention: 0.02, Coherence: 0.0012}, Phases: []Phase{{Service: Dist{A: 0.040}, Net: 0.005}}}),
		outage(),
		named("13-slowsmall", "3 servers of 500 ms, 6 from 90 s", 180, Sink{Phases: []Phase{
			{Servers: 3, Service: Dist{A: 0.5}, Net: 0.010}, {Start: 90, Servers: 6, Service: Dist{A: 0.5}, Net: 0.010}}}),
		named("14-bimodal", "70 % of calls 4 ms, the others 120 ms", 120,
			Sink{Phases: []Phase{{Servers: 16, Service: Dist{Shape: Bimodal, A: 0.004, B: 0.120, P: 0.7}, Net: 0.005}}}),
		named("15-random5pct", "5 % of calls fail, whatever the load", 120, Sink{Errors: 0.05, Phases: []Phase{pool(0, 24)}}),
		named("16-bigfast", "100 servers of 15 ms, 15 ms away: the knee is at 200", 90,
			Sink{Phases: []Phase{{Servers: 100, Service: Dist{A: 0.015}, Net: 0.015}}}),
		latencyStep(),
		caughtUp(),
		named("19-softknee", "four stations in a row, 4 servers of 10 ms each", 120,
			Sink{Stations: 4, Phases: []Phase{{Servers: 4, Service: Dist{A: 0.010}, Net: 0.005}}}),
		named("20-single", "one server of 50 ms", 120, Sink{Phases: []Phase{{Servers: 1, Service: Dist{A: 0.050}, Net: 0.010}}}),
	}
	for i := range all {
		all[i].Seed = seedOf(seed, uint64(i))
	}
	return all
}

func named(id, about string, end float64, sink Sink) Scenario {
	return Scenario{ID: id, Set: "named", About: about, End: end, Sink: sink}
}

// pool is n servers of 40 ms, 10 ms away.
func pool(start float64, n int) Phase {
	return Phase{Start: start, Servers: n, Service: Dist{Shape: Exp, A: 0.040}, Net: 0.010}
}

func brownout() Scenario {
	sick := pool(60, 6)
	sick.Cap = 10
	return named("04-brownout", "32 servers, from 60 to 120 s 6 that refuse more than 10 calls at once", 180,
		Sink{Phases: []Phase{pool(0, 32), sick, pool(120, 32)}})
}

func drift() Scenario {
	var phases []Phase
	for i := range 16 { // so that the oracle may follow
		from, to := 0.020+0.010*float64(i), 0.030+0.010*float64(i)
		if i >= 8 {
			from, to = 0.100-0.010*float64(i-8), 0.090-0.010*float64(i-8)
		}
		phases = append(phases, Phase{Start: 10 * float64(i), Servers: 16, Service: Dist{Shape: Erlang, A: 0.010}, Net: from, NetTo: to})
	}
	return named("07-drift", "the network takes 20 ms, after 80 s 100 ms, after 160 s 20 ms", 160, Sink{Phases: phases})
}

func latencyStep() Scenario {
	at := func(start, net float64) Phase {
		return Phase{Start: start, Servers: 16, Service: Dist{Shape: Erlang, A: 0.010}, Net: net}
	}
	return named("17-latstep", "the network takes 15 ms, from 60 to 120 s 120 ms", 180,
		Sink{Phases: []Phase{at(0, 0.015), at(60, 0.120), at(120, 0.015)}})
}

func neighbour() Scenario {
	const capacity = 24 / 0.040
	var phases []Phase
	for i, share := range []float64{0.2, 0.7, 0.2, 0.7} {
		p := pool(50*float64(i), 24)
		p.Foreign = share * capacity
		phases = append(phases, p)
	}
	return named("08-neighbour", "others take 20 % and 70 % of the capacity in turn", 200, Sink{Phases: phases})
}

func quota() Scenario {
	at := func(start, rate float64) Phase {
		return Phase{Start: start, Servers: 1000, Service: Dist{A: 0.020}, Net: 0.010,
			Quota: Quota{PerSecond: rate, Burst: 20, RetryAfter: 1}}
	}
	return named("09-quota429", "200 calls a second, 60 from 60 s; 429 and Retry-After: 1 above", 120,
		Sink{Phases: []Phase{at(0, 200), at(60, 60)}})
}

func batches() Scenario {
	at := func(start float64, b Batch) Phase {
		return Phase{Start: start, Servers: 16, Service: Dist{Shape: Erlang, A: 0.005}, Net: 0.010, Batch: b}
	}
	return named("10-batchlat", "5 ms and 0.2 ms for each of 20-40, then 400-1000, then 10-1000 records", 180,
		Sink{PerUnit: 0.0002, Phases: []Phase{
			at(0, Batch{Lo: 20, Hi: 40}), at(60, Batch{Lo: 400, Hi: 1000}), at(120, Batch{Lo: 10, Hi: 1000, Log: true})}})
}

func outage() Scenario {
	failing, hole := pool(40, 24), pool(100, 24)
	failing.Down, hole.Down = Failing, BlackHole
	return named("12-outage", "20 s of quick errors at 40 s, 20 s without any answer at 100 s", 160,
		Sink{Timeout: 2, Phases: []Phase{pool(0, 24), failing, pool(60, 24), hole, pool(120, 24)}})
}

func caughtUp() Scenario {
	idle := pool(40, 24)
	idle.Supply = 0.3 * 24 / 0.040
	return named("18-caughtup", "work arrives at 30 % of the capacity from 40 to 100 s, then there is plenty again", 140,
		Sink{Phases: []Phase{pool(0, 24), idle, pool(100, 24)}})
}

// seedOf mixes two numbers (SplitMix64, Steele et al. 2014).
func seedOf(a, b uint64) uint64 {
	z := a*0x9e3779b97f4a7c15 + b + 1
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}
