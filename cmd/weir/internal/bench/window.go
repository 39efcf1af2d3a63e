package bench

import (
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
)

// span is a partition as it was at the start: from its first record to before to.
type span struct {
	topic     string
	partition int32
	from, to  int64
}

// share is what a segment reads of one partition: n records from the offset from up to
// last. With n 0 it reads none, and last lies before from.
type share struct {
	span
	last int64
	n    int64
}

// window is the records that each segment goes over, the same for all.
type window struct {
	shares  []share
	records int64
	bytes   int64 // about, as they come
	whole   bool  // there are no more
}

// used returns how many partitions there is something to read from.
func (w *window) used() (n int) {
	for i := range w.shares {
		if w.shares[i].n > 0 {
			n++
		}
	}
	return n
}

// quotas shares n records out among partitions that have as many as have says: equally,
// and what one does not have goes to the others.
func quotas(have []int64, n int64) []int64 {
	order := make([]int, len(have))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(min(max(have[a]-have[b], -1), 1)) })
	got := make([]int64, len(have))
	for k, i := range order {
		left := int64(len(order) - k)
		got[i] = min(have[i], (n+left-1)/left)
		n -= got[i]
	}
	return got
}

// limits returns, by topic and partition, the last offset of the window; -1 where a
// partition has no part in it.
func (w *window) limits() map[string][]int64 {
	m := map[string][]int64{}
	for i := range w.shares {
		s := &w.shares[i]
		for len(m[s.topic]) <= int(s.partition) {
			m[s.topic] = append(m[s.topic], -1)
		}
		if s.n > 0 {
			m[s.topic][s.partition] = s.last
		}
	}
	return m
}

// lastOf returns the last offset of a partition in limits.
func lastOf(limits []int64, partition int32) int64 {
	if int(partition) >= len(limits) {
		return -1
	}
	return limits[partition]
}

// offsets returns where a segment begins.
func (w *window) offsets() map[string]map[int32]kgo.Offset {
	at := map[string]map[int32]kgo.Offset{}
	for i := range w.shares {
		s := &w.shares[i]
		if s.n == 0 {
			continue
		}
		if at[s.topic] == nil {
			at[s.topic] = map[int32]kgo.Offset{}
		}
		at[s.topic][s.partition] = kgo.NewOffset().At(s.from)
	}
	return at
}
