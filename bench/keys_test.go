package main

import (
	"math"
	"testing"
	"time"
)

func TestZipfKeysOccurInProportionToTheirRank(t *testing.T) {
	t.Parallel()
	const n = 200_000
	ranks := keySpec{Count: 1000, Exponent: zipf}.draw(n)
	counts := make([]int, 1000)
	for _, r := range ranks {
		counts[r]++
	}
	sum := 0.0
	for k := 1.0; k <= 1000; k++ {
		sum += math.Pow(k, -zipf)
	}
	for _, rank := range []int{0, 1, 9} {
		p := math.Pow(float64(rank+1), -zipf) / sum
		want, spread := p*n, 5*math.Sqrt(n*p*(1-p))
		if got := float64(counts[rank]); math.Abs(got-want) > spread {
			t.Errorf("rank %d occurs %.0f times, want %.0f within %.0f", rank, got, want, spread)
		}
	}
}

func TestUniformKeysOccurEquallyOften(t *testing.T) {
	t.Parallel()
	counts := make([]int, 25)
	for _, r := range (keySpec{Count: 25}).draw(250_000) {
		counts[r]++
	}
	for rank, got := range counts {
		if got < 9_500 || got > 10_500 {
			t.Errorf("rank %d occurs %d times, want about 10,000", rank, got)
		}
	}
}

func TestTheHottestKeyBoundsHowManyAreBusy(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ranks      []int
		partitions int
		inFlight   int
		want       float64
	}{
		"one key":                         {[]int{0, 0, 0}, 1, 1000, 1},
		"one key in each of 8 partitions": {[]int{0, 0, 0}, 8, 1000, 8},
		"equal keys":                      {[]int{0, 1, 2, 3}, 2, 1000, 8},
		"half of all is one key":          {[]int{0, 1, 0, 2, 0, 3}, 8, 1000, 16},
		"fewer in flight than keys":       {[]int{0, 1, 2, 3}, 2, 5, 5},
	} {
		if got := busiest(c.ranks, c.partitions, c.inFlight); got != c.want {
			t.Errorf("%s: %v can be busy, want %v", name, got, c.want)
		}
	}
}

func TestMakespanIsTheHotKeyOrAllSpreadEvenly(t *testing.T) {
	t.Parallel()
	ranks := []int{0, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8}
	for inFlight, want := range map[int]time.Duration{1: 12, 2: 6, 3: 4, 4: 4, 100: 4} {
		if got := makespan(ranks, inFlight, time.Second); got != want*time.Second {
			t.Errorf("with %d in flight it takes %s, want %s", inFlight, got, want*time.Second)
		}
	}
}

func TestKeysAreSpreadEvenlyOverPartitions(t *testing.T) {
	t.Parallel()
	for keys, want := range map[int]int{1: 1, 100: 4, 10_000: 8, 100_000: 8} {
		if got := cannedPartitions(keys); got != want {
			t.Errorf("%d keys in %d partitions, want %d", keys, got, want)
		}
	}
}
