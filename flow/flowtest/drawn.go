package flowtest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
)

// Fleets returns sinks with several instances in front: F2 and F8 are two and
// eight instances whose clocks differ by up to 25 ms, F8late has four of eight
// join at 40 s, F4 is four instances whose clocks differ by up to 100 ms.
func Fleets(seed uint64) []Scenario {
	kinds := []struct {
		name  string
		fleet Fleet
	}{
		{"F2", Fleet{Instances: 2, Skew: 0.025}},
		{"F8", Fleet{Instances: 8, Skew: 0.025}},
		{"F8late", Fleet{Instances: 8, Skew: 0.025, Late: 4, LateAt: 40}},
		{"F4", Fleet{Instances: 4, Skew: 0.100}},
	}
	sinks := []string{"01-mmc", "02-stepdown", "03-stepup", "08-neighbour", "09-quota429", "11-dbthrash", "12-outage", "17-latstep"}
	var all []Scenario
	for _, k := range kinds {
		for i, sc := range Named(seed) {
			if !slices.Contains(sinks, sc.ID) {
				continue
			}
			sc.ID, sc.Set, sc.Fleet = k.name+"/"+sc.ID, "fleet", k.fleet
			sc.Seed = seedOf(sc.Seed, uint64(1000+i))
			all = append(all, sc)
		}
	}
	return all
}

// mostCalls is what the generator allows a sink to serve in a second: a faster
// one is drawn again, so that a few hundred scenarios stay affordable.
const mostCalls = 5000

// Random returns n sinks drawn from seed: 2 to 128 servers of 2 to 600 ms, 1 to
// 100 ms away, in four distributions, whose number is multiplied or divided by
// 2 to 5 at 60 s, some with pauses, errors or a cost for each unit of work.
// Nothing may be tuned on them; draw from a new seed for the verdict.
func Random(seed uint64, n int) []Scenario {
	all := make([]Scenario, n)
	for i := range all {
		r := rand.New(rand.NewPCG(seed, uint64(i)))
		for {
			sink, about, rate := randomSink(r)
			if rate > mostCalls {
				continue
			}
			all[i] = Scenario{ID: fmt.Sprintf("r%d-%03d", seed, i), Set: "random", About: about,
				Seed: r.Uint64(), End: 120, Sink: sink}
			break
		}
	}
	return all
}

func randomSink(r *rand.Rand) (sink Sink, about string, rate float64) {
	servers, mean, net := logUniform(r, 2, 128), logUniform(r, 0.002, 0.600), logUniform(r, 0.001, 0.100)
	shape := []Shape{Exp, Erlang, Pareto, Bimodal}[r.IntN(4)]
	factor := logUniform(r, 2, 5)
	if r.IntN(2) == 0 {
		factor = 1 / factor
	}
	before := int(math.Round(servers))
	after := min(max(int(math.Round(servers*factor)), 1), 256)
	if r.IntN(4) == 0 {
		sink.Pause = Pause{Every: 3 + 7*r.Float64(), For: 0.1 + 0.4*r.Float64()}
	}
	if r.IntN(4) == 0 {
		sink.Errors = 0.01 + 0.04*r.Float64()
	}
	var batch Batch
	service := mean
	if r.IntN(4) == 0 { // half of the service is for the units
		batch = Batch{Lo: 10, Hi: 1000, Log: true}
		sink.PerUnit = mean / 2 / batch.mean()
		service = mean / 2
	}
	p := Phase{Servers: before, Service: scaled(shape, service), Net: net, Batch: batch}
	q := p
	q.Start, q.Servers = 60, after
	sink.Phases = []Phase{p, q}
	about = fmt.Sprintf("%d then %d servers of %.0f ms (%s), %.0f ms away, pauses %.1f s, errors %.0f %%, unit cost %.2g ms",
		before, after, 1000*mean, shape, 1000*net, sink.Pause.For, 100*sink.Errors, 1000*sink.PerUnit)
	return sink, about, float64(max(before, after)) / mean
}

func logUniform(r *rand.Rand, lo, hi float64) float64 { return lo * math.Pow(hi/lo, r.Float64()) }
