package proof

import (
	"testing"
)

// What is injected is a part of what is planned: a member may be gone by then.
func TestEveryKindOfFaultIsPlannedOftenEnough(t *testing.T) {
	const seeds, least, each = 2000, 1100, 30
	kinds, codes := map[string]int{}, map[string]int{}
	for seed := range uint64(seeds) {
		s := newScenario(seed + 1)
		for _, a := range s.plan() {
			kinds[a.name()]++
			if a.act == refuse {
				codes[a.answer.name()]++
			}
		}
	}
	for k, n := range kinds {
		if n < least {
			t.Errorf("%s: got %d in %d seeds, want at least %d", k, n, seeds, least)
		}
	}
	for _, a := range refusals() {
		if n := codes[a.name()]; n < each {
			t.Errorf("%s: got %d in %d seeds, want at least %d", a.name(), n, seeds, each)
		}
	}
	for _, c := range calls() {
		for _, a := range []action{{act: refuse, answer: answer{call: c}}, {act: unreplied, call: c}} {
			if kinds[a.name()] == 0 {
				t.Errorf("%s: got none", a.name())
			}
		}
	}
}
