package offset

import (
	"math/rand/v2"
	"testing"
)

// window returns how many offsets beyond a gap a map covers whole: what is done of them
// done says.
func window(done func(i int) bool) (offsets int) {
	const most = 1_000_000
	tr, step := tracked(0, 1, nil), 1000
	for n := 1; n <= most; n++ {
		tr.Push(int64(n), 7)
		if done(n) {
			tr.Done(uint64(n))
		}
		if n%step == 0 {
			if _, whole := tr.Map(0, MetadataLimit, Map{}); !whole {
				return n - step
			}
			if n == 50*step {
				step *= 10
			}
		}
	}
	return most
}

// A partition pauses where its map ends: so far it goes on beyond a gap. Where every key
// but a few goes on, that is as far as there are records. What is done by chance does not
// compress: a map of 4,000 characters holds 24,000 bits.
func TestAMapCoversAWindow(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same each time
	zipf := rand.NewZipf(dice, 1.1, 1, 99_999)
	for _, tc := range []struct {
		name string
		done func(i int) bool
		want int
	}{
		{"one stuck record", func(int) bool { return true }, 1_000_000},
		{"alternating", func(i int) bool { return i%2 == 0 }, 60_000},
		{"a stuck key of 100,000", func(int) bool { return dice.IntN(100_000) > 0 }, 1_000_000},
		{"a stuck key of 1,000", func(int) bool { return dice.IntN(1000) > 0 }, 1_000_000},
		{"a stuck key of 100", func(int) bool { return dice.IntN(100) > 0 }, 200_000},
		{"a stuck key of 10", func(int) bool { return dice.IntN(10) > 0 }, 40_000},
		{"the hottest key of a Zipf distribution stuck", func(int) bool { return zipf.Uint64() > 0 }, 35_000},
		{"the tenth key of a Zipf distribution stuck", func(int) bool { return zipf.Uint64() != 9 }, 150_000},
		{"half at random", func(int) bool { return dice.IntN(2) == 0 }, 22_000},
	} {
		t.Run(tc.name, func(t *testing.T) {
			got := window(tc.done)
			t.Logf("%d offsets", got)
			if got < tc.want {
				t.Errorf("a map covers %d offsets, want at least %d", got, tc.want)
			}
		})
	}
}

// What the tracker keeps of an offset of the window.
func TestAnOffsetOfTheWindowCostsABit(t *testing.T) {
	const n = 100_000
	tr := tracked(0, n+1, func(int) bool { return true })
	if got := float64(tr.Bytes()) / n; got > 0.2 || tr.Beyond() != n {
		t.Errorf("%.3f bytes an offset, %d beyond the gap, want at most 0.2 of %d", got, tr.Beyond(), n)
	}
}
