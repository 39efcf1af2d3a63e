package flowtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// gate is what an algorithm must reach in a set.
type gate struct {
	geomean, worst float64
	low            float64 // share of the scenarios that may be below lowScore
}

const (
	lowScore          = 0.70
	mostAmplification = 1.1 // of the scenarios that amplify names
	longestAtMinimum  = 10  // seconds, while the oracle is at 4 or more
	amplify           = "04-brownout 09-quota429 12-outage"
)

func gates() map[string]gate {
	return map[string]gate{
		"named":  {geomean: 0.95, worst: 0.75},
		"random": {geomean: 0.92, worst: 0.40, low: 0.03},
		"fleet":  {geomean: 0.90, worst: 0.70},
	}
}

// Missed returns what an algorithm misses of what a limiter must reach, a line for
// each. Scores of scenarios that its constants were chosen on prove nothing: draw
// from a new seed.
func (r Report) Missed(algorithm string) []string {
	var out []string
	miss := func(format string, a ...any) { out = append(out, fmt.Sprintf(format, a...)) }
	for _, set := range slices.Sorted(maps.Keys(r.Sets)) {
		g, s := gates()[set], r.Sets[set][algorithm]
		if s.Geomean < g.geomean {
			miss("%s: geomean %.3f, want %.2f", set, s.Geomean, g.geomean)
		}
		if s.AtMinimum > longestAtMinimum {
			miss("%s: %.1f s at the minimum, want at most %d", set, s.AtMinimum, longestAtMinimum)
		}
		low := 0
		for _, sc := range r.Scenarios {
			if sc.Set != set || sc.Algorithm != algorithm {
				continue
			}
			if sc.Score < g.worst {
				miss("%s: %s scores %.3f, want %.2f", set, sc.Scenario, sc.Score, g.worst)
			}
			if sc.Score < lowScore {
				low++
			}
			_, id, of := strings.Cut(sc.Scenario, "/")
			if !of {
				id = sc.Scenario
			}
			if strings.Contains(amplify, id) && sc.Amplification > mostAmplification {
				miss("%s: %s tries %.3f for one that succeeds, want %.1f", set, sc.Scenario, sc.Amplification, mostAmplification)
			}
		}
		if g.low > 0 && float64(low) > g.low*float64(s.Scenarios) {
			miss("%s: %d of %d below %.2f, want %.0f %%", set, low, s.Scenarios, lowScore, 100*g.low)
		}
	}
	return out
}
