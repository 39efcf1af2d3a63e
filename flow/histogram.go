package flow

import (
	"math/bits"
	"time"
)

// histogram counts durations in buckets that grow with them: 8 to each doubling
// from a microsecond on, so that a quantile is at most an eighth too high, in 2 kB
// for ever. What is longer than a day counts as a day.
type histogram struct {
	counts [37*8 + 1]uint32
	total  int
}

// bucketOf returns the bucket of d: three bits behind the leading one say which
// eighth of its doubling it is in.
func bucketOf(d time.Duration) int {
	us := uint64(min(max(d, 0), 24*time.Hour) / time.Microsecond)
	if us < 8 {
		return int(us)
	}
	shift := bits.Len64(us) - 4
	return shift*8 + int(us>>shift)
}

// bucketEnd returns the first duration beyond bucket i.
func bucketEnd(i int) time.Duration {
	i++
	if i < 16 {
		return time.Duration(i) * time.Microsecond
	}
	shift := i/8 - 1
	return time.Duration(uint64(8+i%8)<<shift) * time.Microsecond
}

func (h *histogram) add(d time.Duration) {
	h.counts[bucketOf(d)]++
	h.total++
}

// quantile returns the end of the bucket below which a share q of all counts
// lies, zero when there is none.
func (h *histogram) quantile(q float64) time.Duration {
	left := int(q*float64(h.total) + 0.5)
	for i, n := range h.counts {
		left -= int(n)
		if n > 0 && left <= 0 {
			return bucketEnd(i)
		}
	}
	return 0
}

// with returns the sum of h and o.
func (h histogram) with(o *histogram) histogram {
	for i, n := range o.counts {
		h.counts[i] += n
	}
	h.total += o.total
	return h
}
