package flow_test

import (
	"math"
	"runtime/debug"
	"testing"
	"time"

	"github.com/weir-kafka/weir/flow"
)

func TestCPULoadNeedsBothForThreeSamplesAndLeavesAfterEight(t *testing.T) {
	t.Parallel()
	const ms = time.Millisecond
	type phase struct {
		samples int
		wait    time.Duration
		usage   float64
		want    bool // after them
	}
	for name, phases := range map[string][]phase{
		"three in a row":           {{2, 20 * ms, .95, false}, {1, 20 * ms, .95, true}},
		"not in a row":             {{2, 20 * ms, .95, false}, {1, 5 * ms, .95, false}, {2, 20 * ms, .95, false}},
		"a full processor is fine": {{20, 1 * ms, 1, false}},
		"waits with quota left":    {{20, 50 * ms, .5, false}},
		"waits without a quota":    {{3, 20 * ms, -1, true}},
		"leaves after eight":       {{3, 20 * ms, .95, true}, {7, 20 * ms, .69, true}, {1, 20 * ms, .69, false}},
		"stays between the bounds": {{3, 20 * ms, .95, true}, {20, 9 * ms, .75, true}},
		"one relapse starts anew":  {{3, 20 * ms, .95, true}, {7, 0, 0, true}, {1, 20 * ms, .95, true}, {7, 0, 0, true}, {1, 0, 0, false}},
	} {
		var wait time.Duration
		var usage float64
		c := flow.CPULoad{ReadFunc: func(time.Time) (time.Duration, float64) { return wait, usage }}
		now := time.Unix(1000, 0)
		for i, p := range phases {
			wait, usage = p.wait, p.usage
			for range p.samples {
				c.Busy(now)
				c.Busy(now.Add(200 * ms)) // too early for another sample
				now = now.Add(250 * ms)
			}
			if got := c.Busy(now.Add(-ms)); got != p.want {
				t.Errorf("%s, phase %d: busy %v, want %v", name, i, got, p.want)
			}
		}
	}
}

func TestMemoryLevelIsLeftTenPointsLower(t *testing.T) {
	t.Parallel()
	used := 0.0
	m := flow.MemoryLoad{ReadFunc: func() float64 { return used }}
	now := time.Unix(1000, 0)
	for i, c := range []struct {
		used float64
		want int
	}{
		{.5, 0}, {.8, 0}, {.81, 1}, {.75, 1}, {.69, 0}, {.91, 2}, {.96, 3}, {.86, 3}, {.84, 2}, {.79, 1},
		{1.2, 3}, {0, 0}, {math.NaN(), 0},
	} {
		used = c.used
		now = now.Add(100 * time.Millisecond)
		if got := m.Level(now); got != c.want {
			t.Errorf("step %d: level %d at %v, want %d", i, got, c.used, c.want)
		}
	}
	used = 1
	if got := m.Level(now.Add(time.Millisecond)); got != 0 {
		t.Errorf("sampled again after a millisecond")
	}
}

// Not parallel: it sets the limit of the process for a moment.
func TestMemoryLoadReadsThisProcess(t *testing.T) {
	var m flow.MemoryLoad
	now := time.Unix(1000, 0)
	if got := m.Level(now); got != 0 {
		t.Fatalf("level %d without a limit, want 0", got)
	}
	before := debug.SetMemoryLimit(1 << 20) // this process is far beyond that
	defer debug.SetMemoryLimit(before)
	if got := m.Level(now.Add(time.Second)); got != 3 {
		t.Errorf("level %d beyond the limit, want 3", got)
	}
}
