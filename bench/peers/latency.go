package peers

import (
	"encoding/binary"
	"math/bits"
	"strconv"
	"sync/atomic"
	"time"
)

// StampBytes is how much of a value says when its record was due, in nanoseconds since
// 1970, big end first.
const StampBytes = 8

// Stamp writes when a record is due.
func Stamp(value []byte, due time.Time) {
	binary.BigEndian.PutUint64(value, uint64(due.UnixNano()))
}

// fineBits: a bucket is at most 1/256 wide, as those of an HDR histogram are.
const fineBits = 8

// Latencies counts how old records are, in buckets that are 0.4 % wide, from a
// nanosecond to a minute. The zero value is empty.
type Latencies struct {
	buckets [30 << fineBits]atomic.Int64
}

// Done notes that the record of a value has had its effect by now.
func (l *Latencies) Done(value []byte, now time.Time) {
	if len(value) < StampBytes {
		return
	}
	l.add(now.UnixNano() - int64(binary.BigEndian.Uint64(value)))
}

func (l *Latencies) add(ns int64) {
	v := uint64(max(ns, 0))
	octave := max(bits.Len64(v)-1-fineBits, 0)
	l.buckets[min(octave<<fineBits+int(v>>octave), len(l.buckets)-1)].Add(1)
}

// Figures are the counts of the buckets that are not empty, by their middle in nanoseconds.
func (l *Latencies) Figures() map[string]float64 {
	all := make(map[string]float64)
	for i := range l.buckets {
		if n := l.buckets[i].Load(); n > 0 {
			all[strconv.FormatInt(middle(i), 10)] = float64(n)
		}
	}
	return all
}

// middle of a bucket: those below 512 are a nanosecond wide, the others of octave o 2^o.
func middle(bucket int) int64 {
	octave := max(bucket>>fineBits-1, 0)
	return int64(bucket-octave<<fineBits)<<octave + int64(1)<<octave/2
}
