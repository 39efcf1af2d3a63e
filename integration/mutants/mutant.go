package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/weir-kafka/weir/integration/plant"
)

// mutant is one bug to be planted.
type mutant struct {
	name   string
	stands string // for which invariant or failure
	what   string
	edits  []edit
	by     test // must fail; without one the proof must
}

// edit is one place of the engine's source: a file, what stands there, and what
// stands there with the bug.
type edit plant.Edit

// test is one test of a package.
type test struct{ pkg, name string }

// planted is the edits of m.
func (m *mutant) planted() (edits []plant.Edit) {
	for _, e := range m.edits {
		edits = append(edits, plant.Edit(e))
	}
	return edits
}

// mutants are all there are.
func mutants() []mutant {
	return slices.Concat(ofCommits(), ofHandovers(), ofRecords(), ofSinks(), ofPressure())
}

// choose returns those that names names, with commas between them; all without one.
func choose(all []mutant, names string) (chosen []mutant, err error) {
	if names == "" {
		return all, nil
	}
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(all, func(m mutant) bool { return m.name == name })
		if i < 0 {
			return nil, fmt.Errorf("no mutant is named %q", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}
