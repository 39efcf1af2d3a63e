package consumer

import "testing"

// The lane tables of all partitions together stay within 2^18 lanes until each has the
// fewest, and a few partitions have 4,096 each.
func TestManyPartitionsShareTheirLanes(t *testing.T) {
	t.Parallel()
	for partitions, want := range map[int]uint{
		0: 12, 1: 12, 64: 12, 65: 11, 128: 11, 129: 10, 256: 10, 512: 9, 513: 8, 1000: 8, 10_000: 8,
	} {
		if got := laneBits(partitions); got != want {
			t.Errorf("%d partitions: got 2^%d lanes each, want 2^%d", partitions, got, want)
		}
	}
}
