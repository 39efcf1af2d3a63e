package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func sim(t *testing.T, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, err bytes.Buffer
	code = execute(t.Context(), append([]string{"sim"}, args...), &out, &err)
	return code, out.String(), err.String()
}

func TestSimPrintsScoresAsJSON(t *testing.T) {
	t.Parallel()
	code, out, errText := sim(t, "--scenario", "20-single", "--algorithm", "fixed-16,fixed-64", "--output", "json")
	if code != exitOK {
		t.Fatalf("got exit code %d: %s", code, errText)
	}
	var got struct {
		Sets      map[string]map[string]struct{ Geomean, Worst, Amplification float64 }
		Scenarios []struct {
			Scenario, Algorithm string
			Score               float64
		}
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	a, b := got.Sets["named"]["fixed-16"], got.Sets["named"]["fixed-64"]
	if len(got.Scenarios) != 2 || a.Geomean <= b.Geomean || a.Worst != got.Scenarios[0].Score || a.Amplification != 1 {
		t.Errorf("got %+v, want 16 calls better than 64 in front of one server", got)
	}
}

// Who reads it relies on these names.
func TestSimPrintsEverySetUnderItsName(t *testing.T) {
	t.Parallel()
	code, out, errText := sim(t, "--random", "1", "--scenario", "20-single,F2/01,r1-", "--algorithm", "fixed-16", "--output", "json")
	if code != exitOK {
		t.Fatalf("got exit code %d: %s", code, errText)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(out), &got); err != nil {
		t.Fatal(err)
	}
	sets, _ := got["sets"].(map[string]any)
	for _, set := range []string{"named", "random", "fleet"} {
		algorithms, _ := sets[set].(map[string]any)
		sum, _ := algorithms["fixed-16"].(map[string]any)
		for _, key := range []string{"geomean", "worst", "amplification"} {
			if _, ok := sum[key].(float64); !ok {
				t.Errorf("sets.%s.fixed-16.%s is %v, want a number", set, key, sum[key])
			}
		}
	}
	if scenarios, _ := got["scenarios"].([]any); len(scenarios) < 3 {
		t.Errorf("got %d scenarios, want one of each set", len(scenarios))
	}
}

func TestSimFailsWhenAGateIsMissed(t *testing.T) {
	t.Parallel()
	for algorithm, want := range map[string]int{"fixed-64": exitFailed, "knee": exitOK} {
		code, out, errText := sim(t, "--scenario", "02-stepdown", "--algorithm", "knee,fixed-64", "--gate", algorithm)
		if code != want || !strings.Contains(out, "geomean") || (code == exitFailed) != strings.Contains(errText, "geomean 0.") {
			t.Errorf("%s: got exit code %d and %q, want %d and the table before it", algorithm, code, errText, want)
		}
	}
}

func TestSimDrawsAndReplays(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	svg, trace := filepath.Join(dir, "p.svg"), filepath.Join(dir, "t.jsonl")
	if code, _, errText := sim(t, "--scenario", "20-single", "--algorithm", "knee", "--plot", svg); code != exitOK {
		t.Fatalf("got exit code %d: %s", code, errText)
	}
	if b, err := os.ReadFile(svg); err != nil || !bytes.HasPrefix(b, []byte("<svg")) {
		t.Errorf("got %.20q and %v, want a drawing", b, err)
	}
	line := `{"t":0.5,"latency":0.1,"kind":"done","work":100,"in_flight":8}` + "\n"
	if err := os.WriteFile(trace, []byte(line), 0o600); err != nil {
		t.Fatal(err)
	}
	code, out, errText := sim(t, "--replay", trace, "--algorithm", "fixed-16,fixed-64")
	if code != exitOK || !strings.Contains(out, "8        16        64") {
		t.Errorf("got exit code %d, %s%s, want the limits beside 8 in flight", code, out, errText)
	}
}

func TestSimSaysWhatItDoesNotKnow(t *testing.T) {
	t.Parallel()
	for arg, want := range map[string]string{
		"--algorithm=magic": "netflix-vegas",
		"--set=all":         "named, random or fleet",
		"--scenario=99":     "no scenario is left",
		"--output=xml":      "table or json",
		"--plot=x.svg":      "draws one scenario",
		"--gate=magic":      "not among those judged",
	} {
		if code, _, errText := sim(t, arg); code != exitUsage || !strings.Contains(errText, want) {
			t.Errorf("%s: got exit code %d and %q, want %d and %q", arg, code, errText, exitUsage, want)
		}
	}
}
