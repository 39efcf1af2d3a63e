package consumer

import (
	"math/rand/v2"
	"testing"
)

// firstOver is the first record that comes when too many have been rejected, -1 for none.
func firstOver(n int, limit float64, rejected func(i int) bool) int {
	var s rejectedShare
	for i := range n {
		o := outcomes{good: 1}
		if rejected(i) {
			if _, _, over := s.over(limit); over {
				return i
			}
			o = outcomes{rejected: 1}
		}
		s.add(o)
	}
	return -1
}

func TestTheShareOfTheRejectedIsThatOfTheLastThousand(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		limit    float64
		rejected func(i int) bool
		want     int
	}{
		"all":                                 {0.9, func(int) bool { return true }, 1000},
		"all, without a limit":                {1, func(int) bool { return true }, -1},
		"as many as allowed":                  {0.9, func(i int) bool { return i%10 != 0 }, -1},
		"half":                                {0.9, func(i int) bool { return i%2 == 0 }, -1},
		"half, where a third is allowed":      {0.3, func(i int) bool { return i%2 == 0 }, 1000},
		"a burst of nine hundred":             {0.9, func(i int) bool { return i >= 5000 && i < 5900 }, -1},
		"all, after a million that were good": {0.9, func(i int) bool { return i >= 1_000_000 }, 1_000_901},
		"all, after five that were good":      {0.9, func(i int) bool { return i >= 5 }, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if got := firstOver(1_010_000, tt.limit, tt.rejected); got != tt.want {
				t.Errorf("too many at record %d, want %d", got, tt.want)
			}
		})
	}
}

// Whatever comes, the share is that of the last records as counted by hand, of the
// window and less than one part more.
func TestTheShareOfTheRejectedIsCountedAsByHand(t *testing.T) {
	t.Parallel()
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 100 {
		var s rejectedShare
		var history []int64 // 1 is rejected
		share := rnd.Float64()
		for range 5000 {
			if rnd.IntN(500) == 0 {
				share = rnd.Float64()
			}
			if rnd.Float64() < share {
				history = append(history, 1)
				s.add(outcomes{rejected: 1})
			} else {
				history = append(history, 0)
				s.add(outcomes{good: 1})
			}
			rejected, of, over := s.over(0.5)
			if of != int64(len(history)) && (of < ratioWindow || of >= ratioWindow+ratioWindow/ratioParts) {
				t.Fatalf("a window of %d after %d records", of, len(history))
			}
			want := int64(0)
			for _, r := range history[len(history)-int(of):] {
				want += r
			}
			if rejected != want || over != (of >= ratioWindow && 2*want > of) {
				t.Fatalf("%d of the last %d rejected, over %t, want %d", rejected, of, over, want)
			}
		}
	}
}
