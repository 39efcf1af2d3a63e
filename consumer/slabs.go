package consumer

import (
	"math/bits"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// slabs lends the client the memory that it decodes the records of a batch into,
// and gets it back when the last of them was recycled. Records are most of what a
// consumer allocates, and all of what its collector must look through: with the
// memory used again a poll loop costs about a third less.
//
// Only records that simply became done are recycled, when nothing knows them any
// more. One other among them is enough that a slab does not come back, and goes
// to the collector. The bytes of keys, values and headers are never used again.
type slabs [(mostSlabBits - leastSlabBits + 1) * slabSteps]sync.Pool

// Slabs of 9 to 131,072 records are kept, by a size that is at most an eighth
// larger. Smaller and larger ones are made anew.
const (
	leastSlabBits = 4
	mostSlabBits  = 17
	slabSteps     = 8
)

var _ kgo.PoolRecords = (*slabs)(nil)

// slabClass returns the place among the slabs of one for n records, and its size;
// false if such ones are not kept.
func slabClass(n int) (class, size int, ok bool) {
	width := bits.Len(uint(max(n-1, 0))) // n is more than half of 1<<width
	if width < leastSlabBits || width > mostSlabBits {
		return 0, n, false
	}
	half, step := 1<<(width-1), 1<<(width-1)/slabSteps
	nth := (n - half + step - 1) / step
	return (width-leastSlabBits)*slabSteps + nth - 1, half + nth*step, true
}

// GetRecords implements kgo.PoolRecords.
func (s *slabs) GetRecords(n int) []kgo.Record {
	class, size, ok := slabClass(n)
	if ok {
		if slab, ok := s[class].Get().(*[]kgo.Record); ok {
			return *slab
		}
	}
	return make([]kgo.Record, size)
}

// PutRecords implements kgo.PoolRecords.
func (s *slabs) PutRecords(slab []kgo.Record) {
	if class, size, ok := slabClass(cap(slab)); ok && size == cap(slab) {
		s[class].Put(&slab)
	}
}
