package flowtest_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/weir-kafka/weir/flow/flowtest"
)

// scored is a report of n scenarios of a set that score x, but those of worse.
func scored(set string, n int, x float64, worse ...flowtest.Score) flowtest.Report {
	scores := slices.Clone(worse)
	for i := len(worse); i < n; i++ {
		scores = append(scores, flowtest.Score{Scenario: fmt.Sprint(i), Score: x, Amplification: 1})
	}
	for i := range scores {
		scores[i].Set, scores[i].Algorithm = set, "a"
	}
	return flowtest.NewReport(scores)
}

func TestReportSaysWhichGatesAreMissed(t *testing.T) {
	t.Parallel()
	at := func(score float64) flowtest.Score {
		return flowtest.Score{Scenario: "x", Score: score, Amplification: 1}
	}
	for _, tc := range []struct {
		report flowtest.Report
		want   string
	}{
		{scored("named", 20, 0.96), ""},
		{scored("named", 20, 0.94), "geomean 0.940"},
		{scored("named", 20, 0.99, at(0.74)), "x scores 0.740, want 0.75"},
		{scored("named", 20, 1, flowtest.Score{Scenario: "09-quota429", Score: 1, Amplification: 1.2}), "tries 1.200"},
		{scored("named", 20, 1, flowtest.Score{Scenario: "15-random5pct", Score: 1, Amplification: 1.2}), ""},
		{scored("fleet", 20, 1, flowtest.Score{Scenario: "F8/12-outage", Score: 1, Amplification: 1.2}), "tries 1.200"},
		{scored("fleet", 32, 0.95, at(0.69)), "x scores 0.690, want 0.70"},
		{scored("random", 100, 0.95, at(0.5), at(0.5), at(0.5)), ""},
		{scored("random", 100, 0.95, at(0.5), at(0.5), at(0.5), at(0.5)), "4 of 100 below 0.70"},
		{scored("random", 100, 0.95, at(0.39)), "x scores 0.390"},
		{scored("random", 100, 1, flowtest.Score{Score: 1, AtMinimum: 10.5}), "10.5 s at the minimum"},
	} {
		got := tc.report.Missed("a")
		if tc.want == "" && len(got) > 0 || tc.want != "" && (len(got) != 1 || !strings.Contains(got[0], tc.want)) {
			t.Errorf("got %q, want %q", got, tc.want)
		}
	}
}
