package bench

import (
	"testing"
	"time"
)

func TestThePlanFillsTheTimeAndNoMore(t *testing.T) {
	t.Parallel()
	quick := cost{10 * time.Millisecond, 1_000_000}
	for name, tt := range map[string]struct {
		budget    time.Duration
		raw, pipe cost
		most      int64
		least     int
		want      segments
	}{
		// A round of 2 s: 30 ms of overhead, and two of raw and one of pipeline at 4 us a record.
		"as many as twelve rounds allow": {24 * time.Second, quick, cost{10 * time.Millisecond, 500_000}, 1_000_000, manyRounds, segments{492_500, 1}},
		"no more than there are":         {24 * time.Second, quick, quick, 1000, manyRounds, segments{1000, 1}},
		"a slow pipeline is measured beside several passes": {24 * time.Second, quick, cost{10 * time.Millisecond, 100_000}, 1_000_000, manyRounds,
			segments{106_111, 4}},
		"passes that cost too much are left out": {24 * time.Second, cost{200 * time.Millisecond, 1_000_000}, cost{200 * time.Millisecond, 10_000}, 1_000_000, manyRounds,
			segments{13_725, 1}},
		// 12 and 9 rounds leave less than half of a round.
		"a slow join has fewer rounds":                  {36 * time.Second, quick, cost{3 * time.Second, 500_000}, 10_000_000, leastRounds, segments{745_000, 1}},
		"no time at all leaves a tenth of what is lost": {time.Second, quick, cost{4 * time.Second, 500_000}, 10_000_000, leastRounds, segments{100_500, 1}},
		"a record at least":                             {time.Second, quick, cost{0, 0.001}, 10, leastRounds, segments{1, 1}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := plan(tt.budget, tt.raw, tt.pipe, tt.most, tt.least); got != tt.want {
				t.Errorf("got %+v, want %+v", got, tt.want)
			}
		})
	}
}
