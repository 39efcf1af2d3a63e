package flowtest

import "github.com/weir-kafka/weir/flow"

// Algorithms returns Weir's limiters, and those to compare them with, each
// written anew from its published rule: what it does, and where that is
// written, is said at each. All may move between 1 and 512 calls, where the
// original does not need another floor, because bounds are what an operator
// sets; the rest is the published default. The published ones do not obey
// Retry-After: their rules do not speak of it.
func Algorithms() map[string]Maker {
	return map[string]Maker{
		"knee": Limiter(func(seed uint64) flow.Algorithm {
			return flow.Knee(flow.KneeConfig{Sink: "sink", Max: mostAllowed, Seed: seed | 1})
		}),

		"netflix-aimd":      rules(func(uint64) rule { return newNetflixAIMD() }),
		"netflix-vegas":     rules(func(seed uint64) rule { return windowed(newVegas(seed)) }),
		"netflix-gradient":  rules(func(seed uint64) rule { return windowed(newGradient(seed)) }),
		"netflix-gradient2": rules(func(uint64) rule { return windowed(newGradient2()) }),
		"vector-arc":        rules(func(uint64) rule { return newARC() }),
		"envoy-gradient":    rules(func(seed uint64) rule { return newEnvoy(seed) }),
		"brpc-auto":         rules(func(seed uint64) rule { return newBRPC(seed) }),
		"kratos-bbr":        rules(func(uint64) rule { return newBBR() }),
		"dotnet-hill":       rules(func(seed uint64) rule { return newHill(seed) }),
		"fixed-16":          fixedMaker(16),
		"fixed-64":          fixedMaker(64),
	}
}
