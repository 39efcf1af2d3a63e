package flowtest

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sync"
)

// Judge runs scenarios. The zero Judge works on two at a time.
type Judge struct {
	Workers int

	mu      sync.Mutex
	oracles map[string]*Oracle // by ID and seed
	knees   map[string]knee    // by phase
}

// Scores judges every algorithm in every scenario. The order is that of the
// scenarios, then of the names.
func (j *Judge) Scores(scenarios []Scenario, algorithms map[string]Maker) []Score {
	names := slices.Sorted(maps.Keys(algorithms))
	out := make([]Score, len(scenarios)*len(names))
	next := make(chan int, len(scenarios))
	for i := range scenarios {
		next <- i
	}
	close(next)
	var wg sync.WaitGroup
	for range cmp.Or(j.Workers, 2) {
		wg.Go(func() {
			for i := range next {
				sc := &scenarios[i]
				o := j.Oracle(sc)
				for k, name := range names {
					s := NewScore(sc, o, Run(sc, algorithms[name]))
					s.Algorithm = name
					out[i*len(names)+k] = s
				}
			}
		})
	}
	wg.Wait()
	return out
}

// Oracle returns the oracle of sc. In each phase by itself every limit of a
// grid of 42 from 1 to 512 is tried, and the smallest with 97 % of the best
// goodput is taken; then one instance runs through sc and switches between
// these limits at once. What was found is remembered.
func (j *Judge) Oracle(sc *Scenario) *Oracle {
	return remember(j, &j.oracles, fmt.Sprint(sc.ID, sc.Seed), func() *Oracle { return newOracle(sc, j.knee) })
}

func (j *Judge) knee(alone *Scenario) knee {
	key := alone.Sink
	key.Sharing = nil
	usl := USL{}
	if alone.Sink.Sharing != nil {
		usl = *alone.Sink.Sharing
	}
	return remember(j, &j.knees, fmt.Sprint(key, usl, alone.NoBackoff), func() knee { return findKnee(alone) })
}

// remember returns what m holds under key, or makes it. Two workers may make the
// same thing: it comes out the same.
func remember[T any](j *Judge, m *map[string]T, key string, build func() T) T {
	j.mu.Lock()
	v, ok := (*m)[key]
	j.mu.Unlock()
	if ok {
		return v
	}
	v = build()
	j.mu.Lock()
	defer j.mu.Unlock()
	if *m == nil {
		*m = map[string]T{}
	}
	(*m)[key] = v
	return v
}
