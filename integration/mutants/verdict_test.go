package main

import (
	"strings"
	"testing"
	"time"
)

func TestTheEndOfAProofSaysWhatKilled(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		e    exit
		want verdict
	}{
		"nothing found": {exit{output: "10 seeds in 2s: 5.0 a second\nPASS\n", ended: true}, verdict{}},
		"a seed": {
			exit{output: "seed 17 fails map[commit-ahead:2 lost:31]; this runs it again:\n  make proof SEED=17\nI1 lost: ...\n", failed: true, ended: true},
			verdict{killed: true, by: "lost, commit-ahead", seed: 17},
		},
		"a seed, then ended from outside": {exit{output: "seed 3 fails map[stuck:1]; this\n"}, verdict{killed: true, by: "stuck", seed: 3}},
		"no end":                          {exit{output: "=== RUN"}, verdict{killed: true, by: "stuck: no end", seed: 20}},
		"deadlock":                        {exit{output: "panic: deadlock: all goroutines in bubble are blocked", failed: true, ended: true}, verdict{killed: true, by: "stuck: deadlock"}},
		"panic":                           {exit{output: "panic: close of closed channel", failed: true, ended: true}, verdict{killed: true, by: "panic"}},
		"undecided is nothing":            {exit{output: "2 of 10 seeds are undecided, want at most 1", failed: true, ended: true}, verdict{}},
	} {
		if got, err := ofProof(c.e, 20); err != nil || got != c.want {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, c.want)
		}
	}
	if got, err := ofProof(exit{output: "no such flag", failed: true, ended: true}, 20); err == nil {
		t.Errorf("an end that can not be read: got %+v, want an error", got)
	}
}

func TestOnlyTheNamedTestKills(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		e    exit
		want verdict
		ok   bool
	}{
		"passes":      {exit{output: "--- PASS: TestIt (0.1s)\nPASS\n", ended: true}, verdict{}, true},
		"fails":       {exit{output: "--- FAIL: TestIt (0.1s)\n", failed: true, ended: true}, verdict{killed: true, by: "TestIt"}, true},
		"panics":      {exit{output: "panic: no\n", failed: true, ended: true}, verdict{killed: true, by: "TestIt"}, true},
		"never ends":  {exit{}, verdict{killed: true, by: "TestIt: no end"}, true},
		"is not run":  {exit{output: "testing: warning: no tests to run\nPASS\n", ended: true}, verdict{}, false},
		"other flags": {exit{output: "flag provided but not defined", failed: true, ended: true}, verdict{}, false},
	} {
		if got, err := ofTest(c.e, "TestIt"); got != c.want || err == nil != c.ok {
			t.Errorf("%s: got %+v, %v, want %+v", name, got, err, c.want)
		}
	}
}

func TestTheTableEndsWithTheSum(t *testing.T) {
	t.Parallel()
	vs := []verdict{{killed: true, by: "lost", seed: 3}, {killed: true, by: "TestIt"}, {}, {killed: true, by: "stuck", seed: 41}}
	if got, want := summary(vs, 400*time.Second), "mutants: 3 of 4 killed, at most 41 seeds, 6m40s"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	m := &mutant{name: "one", stands: "P3", what: "it does"}
	for _, c := range []struct {
		v    verdict
		want string
	}{
		{verdict{killed: true, by: "lost", seed: 3, took: time.Second}, "one P3 KILLED lost 3 1s it does"},
		{verdict{killed: true, by: "TestIt", took: 90 * time.Second}, "one P3 KILLED TestIt - 1m30s it does"},
		{verdict{took: time.Second}, "one P3 SURVIVED - - 1s it does"},
	} {
		if got := strings.Join(strings.Fields(row(m, c.v)), " "); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
