package offset

import (
	"cmp"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math/bits"
	"slices"
)

// Errors of [ParseMap]. Either means that records beyond the commit are
// delivered again, which is always right.
var (
	// ErrForeign is metadata that another program wrote.
	ErrForeign = errors.New("offset: metadata of another program")
	// ErrMap is a completion map that is damaged, of another version, or does not
	// belong to the committed offset.
	ErrMap = errors.New("offset: completion map can not be used")
)

// Map is a completion map that was read. The zero Map has nothing done.
type Map struct {
	runs  []run
	end   int64
	count int
	epoch int32
}

// ParseMap reads the metadata of a commit at offset committed. It believes
// nothing: anyone who may commit can write what it reads. Its time and memory
// are bounded by the length of the text and by one span of 2^26 bits.
func ParseMap(metadata string, committed int64) (Map, error) {
	if len(metadata) > 1<<16 {
		return Map{}, ErrForeign
	}
	b, err := base64.RawURLEncoding.DecodeString(metadata)
	if err != nil || len(b) < 3 || b[0] != magic {
		return Map{}, ErrForeign
	}
	const head, tail = 7, 4
	if b[1] != version || len(b) < head+tail {
		return Map{}, ErrMap
	}
	body, sum := b[:len(b)-tail], binary.BigEndian.Uint32(b[len(b)-tail:])
	if crc32.Checksum(body, crcTable) != sum {
		return Map{}, ErrMap
	}
	m := Map{epoch: int32(binary.BigEndian.Uint32(b[3:head]))}
	enc, body := b[2], body[head:]
	base, n := binary.Uvarint(body)
	if n <= 0 || committed < 0 || base != uint64(committed) {
		return Map{}, ErrMap
	}
	body = body[n:]
	span, n := binary.Uvarint(body)
	if n <= 0 || span == 0 || span > maxSpan {
		return Map{}, ErrMap
	}
	if err := m.decode(enc, body[n:], committed, int64(span)); err != nil {
		return Map{}, err
	}
	return m, nil
}

func (m *Map) decode(enc byte, body []byte, base, span int64) (err error) {
	if enc&^deflated > encBits {
		return ErrMap
	}
	if enc&deflated != 0 {
		if body, err = inflate(body); err != nil {
			return err
		}
	}
	if enc&^deflated == encBits {
		err = m.decodeBits(body, base, span)
	} else {
		err = m.decodeRuns(body, base, span)
	}
	if err != nil || len(m.runs) == 0 {
		return ErrMap
	}
	m.end = m.runs[len(m.runs)-1].to
	return nil
}

// mostRuns bounds the memory of a map whose body a compressor made small.
const mostRuns = 1 << 18

func (m *Map) add(from, to int64) error {
	if len(m.runs) == mostRuns {
		return ErrMap
	}
	m.runs = append(m.runs, run{from, to})
	m.count += int(to - from)
	return nil
}

func (m *Map) decodeRuns(b []byte, base, span int64) error {
	at, end := base, base+span
	for len(b) > 0 {
		gap, n := binary.Uvarint(b)
		if n <= 0 {
			return ErrMap
		}
		length, k := binary.Uvarint(b[n:])
		if k <= 0 || length == 0 || gap > uint64(span) || length > uint64(span) {
			return ErrMap
		}
		from := at + int64(gap)
		at = from + int64(length)
		if at > end || m.add(from, at) != nil {
			return ErrMap
		}
		b = b[n+k:]
	}
	return nil
}

func (m *Map) decodeBits(b []byte, base, span int64) error {
	if int64(len(b)) != (span+7)/8 {
		return ErrMap
	}
	at := func(o int64) bool { return b[o/8]&(1<<(o%8)) != 0 }
	for o := int64(0); o < span; {
		if b[o/8] == 0 && o%8 == 0 {
			o += 8
			continue
		}
		if !at(o) {
			o++
			continue
		}
		from := o
		for o < span && at(o) {
			if o%8 == 0 && b[o/8] == 0xff {
				o += 8
			} else {
				o += int64(max(bits.TrailingZeros8(^(b[o/8] >> (o % 8))), 1))
			}
		}
		o = min(o, span)
		if err := m.add(base+from, base+o); err != nil {
			return err
		}
	}
	return nil
}

// Done reports whether the record at offset, written in a leader epoch, has been
// processed. A record of a later epoch than the map knows is another one: the
// log was truncated after the map was written.
func (m *Map) Done(offset int64, epoch int32) bool {
	if offset >= m.end || epoch > m.epoch {
		return false
	}
	_, found := slices.BinarySearchFunc(m.runs, offset, func(r run, o int64) int {
		switch {
		case o < r.from:
			return 1
		case o >= r.to:
			return -1
		}
		return 0
	})
	return found
}

// After returns what m says of offsets beyond last, the newest record that was
// fetched, which was written in a leader epoch: who commits before it has fetched
// everything that m covers must hand that on. It is nothing if the epoch is later
// than the map knows, because then all that follows is another log.
func (m *Map) After(last int64, epoch int32) (left Map) {
	if last+1 >= m.end || epoch > m.epoch {
		return left
	}
	i, _ := slices.BinarySearchFunc(m.runs, last+1, func(r run, o int64) int { return cmp.Compare(r.to, o+1) })
	left = Map{runs: slices.Clone(m.runs[i:]), end: m.end, epoch: m.epoch}
	left.runs[0].from = max(left.runs[0].from, last+1)
	for _, r := range left.runs {
		left.count += int(r.to - r.from)
	}
	return left
}

// Count returns how many offsets are done.
func (m *Map) Count() int { return m.count }
