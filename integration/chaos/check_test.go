package main

import (
	"fmt"
	"slices"
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"
)

// past is a history of one key with four records, the third of which is poison,
// in which all is well.
func past() history {
	h := history{}
	for n := range 4 {
		r := produced{key: "k", n: n, Record: &kgo.Record{Partition: 3, Offset: int64(10 + n), Value: fmt.Append(nil, n)}}
		if n == 2 {
			r.kind = poison
		}
		h.records = append(h.records, r)
	}
	h.effects = []effect{{Key: "k", N: 0}, {Key: "k", N: 1}, {Key: "k", N: 3}}
	h.dead = []letter{{key: "k", n: 2, value: []byte("2"), partition: 3, offset: 12}}
	return h
}

func TestTheCheckSeesEveryKindOfDamageAndNoOther(t *testing.T) {
	after := func(n, crashes int) effect { return effect{Key: "k", N: n, crashes: crashes} }
	for name, c := range map[string]struct {
		damage func(h *history)
		want   verdict
	}{
		"nothing":        {func(*history) {}, verdict{}},
		"a lost effect":  {func(h *history) { h.effects = h.effects[:2] }, verdict{lost: 1}},
		"a lost letter":  {func(h *history) { h.dead = nil }, verdict{lost: 1}},
		"an effect late": {func(h *history) { h.effects[0], h.effects[1] = h.effects[1], h.effects[0] }, verdict{disorder: 3}},
		"an effect left out until a crash": {func(h *history) {
			h.effects = []effect{after(0, 0), after(3, 0), after(1, 1)}
		}, verdict{disorder: 1}},
		"a run after a crash, within the bound": {func(h *history) {
			h.effects, h.bound = append(h.effects, after(1, 1), after(3, 1)), 2
		}, verdict{duplicates: 2, bound: 2}},
		"a run after a crash, beyond the bound": {func(h *history) {
			h.effects, h.bound = append(h.effects, after(1, 1), after(3, 1)), 1
		}, verdict{duplicates: 2, bound: 1}},
		"a run without a crash": {func(h *history) {
			h.effects, h.bound = append(h.effects, after(3, 0)), 1
		}, verdict{duplicates: 1, bound: 1, disorder: 1}},
		"two runs after one crash": {func(h *history) {
			h.effects, h.bound = append(h.effects, after(3, 1), after(3, 1)), 2
		}, verdict{duplicates: 2, bound: 2, disorder: 1}},
		"a letter twice":                {func(h *history) { h.dead, h.bound = append(h.dead, h.dead[0]), 1 }, verdict{duplicates: 1, bound: 1}},
		"an effect of poison":           {func(h *history) { h.effects, h.bound = append(h.effects, after(2, 0)), 1 }, verdict{duplicates: 1, bound: 1, disorder: 1}},
		"an effect of nothing":          {func(h *history) { h.effects = append(h.effects, after(9, 0)) }, verdict{disorder: 1}},
		"a letter with other bytes":     {func(h *history) { h.dead[0].value = []byte("x") }, verdict{letters: 1}},
		"a letter from elsewhere":       {func(h *history) { h.dead[0].offset++ }, verdict{letters: 1}},
		"a letter of nothing":           {func(h *history) { h.dead = append(h.dead, letter{key: "k", n: 9}) }, verdict{letters: 1}},
		"a letter of what is no poison": {func(h *history) { h.effects = h.effects[:2]; h.dead = append(h.dead, letter{key: "k", n: 3}) }, verdict{letters: 1}},
	} {
		h := past()
		c.damage(&h)
		got := check(h)
		if got.lost != c.want.lost || got.disorder != c.want.disorder || got.duplicates != c.want.duplicates || got.letters != c.want.letters {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
		ok := c.want.lost+c.want.disorder+c.want.letters == 0 && int64(c.want.duplicates) <= c.want.bound
		if got.ok() != ok || ok != (len(got.witnesses) == 0) {
			t.Errorf("%s: ok is %v with %q, want %v", name, got.ok(), got.witnesses, ok)
		}
	}
}

// verdicts are added up for the table: one that is bad stays bad.
func TestASumOfVerdictsKeepsWhatIsWrong(t *testing.T) {
	bad := verdict{lost: 1, witnesses: []string{"w"}}
	sum := verdict{bound: 5}
	sum.add(bad)
	if sum.ok() || !slices.Equal(sum.witnesses, bad.witnesses) {
		t.Errorf("%+v, want it bad", sum)
	}
	sum = verdict{duplicates: 0, bound: 100}
	sum.add(check(func() history { h := past(); h.dead = append(h.dead, h.dead[0]); return h }()))
	if sum.ok() {
		t.Errorf("%+v: the bound of one trial pays for another, want it bad", sum)
	}
}
