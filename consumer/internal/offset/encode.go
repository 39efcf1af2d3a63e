package offset

import (
	"bytes"
	"compress/flate"
	"encoding/base64"
	"encoding/binary"
	"hash/crc32"
	"io"
)

// The completion map, as it stands in the metadata of a commit:
//
//	base64url without padding of
//	  'W' 1            magic, version
//	  encoding         1 byte
//	  epoch            4 bytes, leader epoch of the newest record covered
//	  base             uvarint, the offset that is committed with it
//	  span             uvarint, offsets covered: [base, base+span)
//	  body             run lengths or bits
//	  crc              4 bytes, CRC-32C of all before
//
// Run lengths are uvarints: done, not done, done ... in turn, beginning with not
// done. Bits are a bitmap, lowest bit first. Whichever is smaller is written, and
// deflated if it is too long otherwise: to deflate it takes longer than all else
// that is done for a commit, and there are ten commits a second.
const (
	magic   = 'W'
	version = 1

	encRuns  = 0
	encBits  = 1
	deflated = 2 // flag

	// MetadataLimit is how long a map may be: Kafka takes 4,096 UTF-16 units
	// (offset.metadata.max.bytes), brokers of others count bytes.
	MetadataLimit = 4000

	// maxSpan bounds what a reader believes.
	maxSpan = 1 << 26
	// maxBody bounds what a deflated body may become.
	maxBody = maxSpan / 8
)

// crcTable is read only.
//
//nolint:gochecknoglobals // constant in all but syntax
var crcTable = crc32.MakeTable(crc32.Castagnoli)

// run is a run of done offsets: [from, to).
type run struct{ from, to int64 }

// Map writes the completion map of what is done beyond the watermark, relative
// to base, the offset that is committed with it. What is left of an earlier map,
// from [Map.After], is handed on. The text is at most limit characters long: if
// not everything fits it covers as many of the lowest offsets as it can and whole
// is false. It is empty when there is nothing to say.
func (t *Tracker) Map(base int64, limit int, left Map) (metadata string, whole bool) {
	if t.ahead == 0 && left.count == 0 {
		return "", true
	}
	runs, all := t.runs(base)
	_, epoch, _ := t.Last()
	if all && left.count > 0 {
		runs, epoch = append(runs, left.runs...), left.epoch
	}
	if len(runs) == 0 {
		return "", false
	}
	var d deflater
	if s := encode(base, epoch, runs, limit, &d); len(s) <= limit {
		return s, all
	}
	// The longest prefix that fits. Length grows with the prefix but for the
	// whims of the compressor, so a bisection finds one close to the longest.
	lo, hi := 0, len(runs)
	best := ""
	for lo < hi {
		mid := (lo + hi + 1) / 2
		if s := encode(base, epoch, runs[:mid], limit, &d); len(s) <= limit {
			lo, best = mid, s
		} else {
			hi = mid - 1
		}
	}
	return best, false
}

// maxRuns bounds the work of one map: more runs than this do not fit, since a run
// and the hole before it take at least two bits, unless they are so regular that
// the compressor makes nothing of them.
const maxRuns = MetadataLimit * 8

// runs returns what is done beyond base, and whether that is all of it.
func (t *Tracker) runs(base int64) (rs []run, all bool) {
	all = true
	t.eachDone(func(offset int64, n int) bool {
		from, to := offset, offset+int64(n)
		if from < base {
			return true
		}
		if to-base > maxSpan {
			all = false
			return false
		}
		if k := len(rs); k > 0 && rs[k-1].to == from {
			rs[k-1].to = to
			return true
		}
		if len(rs) == maxRuns {
			all = false
			return false
		}
		rs = append(rs, run{from, to})
		return true
	})
	return rs, all
}

// frame is what stands around a body, at most.
const frame = 3 + 4 + 2*binary.MaxVarintLen64 + 4

func encode(base int64, epoch int32, runs []run, limit int, d *deflater) string {
	if len(runs) == 0 {
		return ""
	}
	span := runs[len(runs)-1].to - base
	enc, body := byte(encRuns), encodeRuns(base, runs)
	if n := (span + 7) / 8; n < int64(len(body)) {
		enc, body = encBits, encodeBits(base, span, runs)
	}
	if base64.RawURLEncoding.EncodedLen(frame+len(body)) > limit {
		if small := d.deflate(body); len(small) < len(body) {
			enc, body = enc|deflated, small
		}
	}
	b := []byte{magic, version, enc}
	b = binary.BigEndian.AppendUint32(b, uint32(epoch))
	b = binary.AppendUvarint(b, uint64(base))
	b = binary.AppendUvarint(b, uint64(span))
	b = append(b, body...)
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crcTable))
	return base64.RawURLEncoding.EncodeToString(b)
}

func encodeRuns(base int64, runs []run) []byte {
	var b []byte
	at := base
	for _, r := range runs {
		b = binary.AppendUvarint(b, uint64(r.from-at))
		b = binary.AppendUvarint(b, uint64(r.to-r.from))
		at = r.to
	}
	return b
}

func encodeBits(base, span int64, runs []run) []byte {
	b := make([]byte, (span+7)/8)
	for _, r := range runs {
		for o := r.from - base; o < r.to-base; o++ {
			b[o/8] |= 1 << (o % 8)
		}
	}
	return b
}

// deflater compresses one body after the other in the same memory: that takes most of
// a megabyte.
type deflater struct{ w *flate.Writer }

func (d *deflater) deflate(b []byte) []byte {
	if len(b) < 64 {
		return b
	}
	if d.w == nil {
		d.w, _ = flate.NewWriter(nil, flate.BestCompression) // the level is one that there is
	}
	var buf bytes.Buffer
	d.w.Reset(&buf)
	if _, err := d.w.Write(b); err != nil || d.w.Close() != nil {
		return b
	}
	return buf.Bytes()
}

// inflate reads at most maxBody bytes; more is an error.
func inflate(b []byte) ([]byte, error) {
	out, err := io.ReadAll(io.LimitReader(flate.NewReader(bytes.NewReader(b)), maxBody+1))
	if err != nil {
		return nil, ErrMap
	}
	if len(out) > maxBody {
		return nil, ErrMap
	}
	return out, nil
}
