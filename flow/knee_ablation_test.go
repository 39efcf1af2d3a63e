package flow_test

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/flow/flowtest"
)

var ablate = flag.Bool("ablate", false, "print what each constant of Knee is worth; takes a quarter of an hour")

// tuningSets are those that the constants were chosen on. A verdict needs others.
func tuningSets() []flowtest.Scenario {
	return slices.Concat(flowtest.Named(1), flowtest.Named(2),
		flowtest.Random(1000, 40), flowtest.Random(1100, 60), flowtest.Fleets(1), flowtest.Fleets(2))
}

// off is the value with which a constant does nothing, where zero is not it.
func off() map[string]float64 {
	return map[string]float64{
		"Queue": 1e9, "Failing": 9, "Sure": 1, "Smooth": 1, "Near": 1e9, "Disagree": 9, "Slower": 1e9, "DipEvery": 1e9, "UpPower": 1,
		"Some": 0,
	}
}

// TestKneeAblation prints the tables of docs/adr/0002-knee.md:
//
//	go test ./flow -run KneeAblation -ablate -timeout 2h -v
func TestKneeAblation(t *testing.T) {
	if !*ablate {
		t.Skip("needs -ablate")
	}
	algorithms := map[string]flowtest.Maker{asItIs: kneeWith(nil)}
	for name, x := range flow.KneeConstants() {
		changed := func(label string, x float64) {
			algorithms[name+" "+label] = kneeWith(map[string]float64{name: x})
		}
		changed("halved", x/2)
		changed("doubled", x*2)
		if v, ok := off()[name]; ok {
			changed("off", v)
		} else if !slices.Contains([]string{"Target", "Power", "Dither", "Latencies", "Completions", "Open"}, name) {
			changed("off", 0)
		}
	}
	scores := new(flowtest.Judge).Scores(tuningSets(), algorithms)
	report := flowtest.NewReport(scores)
	names := slices.Sorted(maps.Keys(algorithms))
	fmt.Println("| changed | named | random | fleets | amplification | hurts most |\n|---|---|---|---|---|---|")
	for _, name := range names {
		row := []string{strings.TrimSpace(name)}
		amplification := 0.0
		for _, set := range []string{"named", "random", "fleet"} {
			s, base := report.Sets[set][name], report.Sets[set][asItIs]
			row = append(row, fmt.Sprintf("%.3f / %.2f (%+.3f)", s.Geomean, s.Worst, s.Geomean-base.Geomean))
			amplification = max(amplification, s.Amplification)
		}
		fmt.Printf("| %s | %.2f | %s |\n", strings.Join(row, " | "), amplification, hurt(scores, name))
	}
}

const asItIs = " as it is" // the first of the names

// hurt names the three scenarios that lose most with a change.
func hurt(scores []flowtest.Score, name string) string {
	base, lost := map[string]float64{}, map[string]float64{}
	for _, s := range scores {
		if s.Algorithm == asItIs {
			base[s.Scenario] += math.Log(s.Score) // of several seeds
		}
	}
	maps.Copy(lost, base)
	for _, s := range scores {
		if s.Algorithm == name {
			lost[s.Scenario] -= math.Log(s.Score)
		}
	}
	ids := slices.SortedFunc(maps.Keys(lost), func(a, b string) int { return cmp.Compare(lost[b], lost[a]) })
	for i, id := range ids[:3] {
		ids[i] = fmt.Sprintf("%s x%.2f", id, math.Exp(-lost[id]))
	}
	return strings.Join(ids[:3], ", ")
}

func kneeWith(changes map[string]float64) flowtest.Maker {
	return flowtest.Limiter(func(seed uint64) flow.Algorithm {
		return flow.KneeWith(flow.KneeConfig{Sink: "sink", Seed: seed | 1}, changes)
	})
}
