package peers

import (
	"math"
	"strconv"
	"testing"
)

// A latency is found again in the figures within half a percent.
func TestABucketsMiddleIsNearWhatItCounts(t *testing.T) {
	t.Parallel()
	for _, ns := range []int64{1, 255, 256, 511, 512, 1023, 77_777, 1_000_000, 123_456_789, 60_000_000_000} {
		var l Latencies
		l.add(ns)
		for k, n := range l.Figures() {
			got, err := strconv.ParseFloat(k, 64)
			if err != nil {
				t.Fatal(err)
			}
			if n != 1 || math.Abs(got-float64(ns)) > float64(ns)/200+1 {
				t.Errorf("%d ns: got %v of %v, want 1 within 0.5 %%", ns, n, got)
			}
		}
	}
}
