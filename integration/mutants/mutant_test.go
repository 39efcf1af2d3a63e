package main

import (
	"strings"
	"testing"

	"github.com/weir-kafka/weir/integration/plant"
)

// A mutant that can not be planted any more proves nothing: it must follow the engine.
func TestEveryMutantCanBePlanted(t *testing.T) {
	t.Parallel()
	names := map[string]bool{}
	for _, m := range mutants() {
		if names[m.name] {
			t.Errorf("%s: two mutants have this name", m.name)
		}
		names[m.name] = true
		files, err := plant.Files("../..", m.planted())
		if err != nil {
			t.Errorf("%s: %v", m.name, err)
		}
		if len(files) == 0 {
			t.Errorf("%s: got no changed file, want one", m.name)
		}
	}
}

func TestEveryFailureOfOthersHasAMutant(t *testing.T) {
	t.Parallel()
	stands := map[string]bool{}
	for _, m := range mutants() {
		stands[m.stands] = true
	}
	for _, p := range strings.Fields("P1 P2 P3 P4 P5 P6 P7 P8 P9 P10 P11") {
		if !stands[p] {
			t.Errorf("no mutant stands for %s", p)
		}
	}
}
