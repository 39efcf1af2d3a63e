package offset

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math/rand/v2"
	"runtime"
	"testing"
)

// tracked returns a tracker of n consecutive offsets from base on of which the
// first is not done and the others are where done says so.
func tracked(base int64, n int, done func(i int) bool) *Tracker {
	tr := NewTracker()
	for i := range n {
		tr.Push(base+int64(i), 7)
	}
	for i := 1; i < n; i++ {
		if done(i) {
			tr.Done(uint64(i))
		}
	}
	return tr
}

func TestMapsOfManyShapesComeBackWhole(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 4))
	for name, done := range map[string]func(i int) bool{
		"one hole": func(int) bool { return true }, "last only": func(i int) bool { return i == 9_999 },
		"every other": func(i int) bool { return i%2 == 0 }, "half": func(int) bool { return rng.IntN(2) == 0 },
		"1 % holes": func(int) bool { return rng.IntN(100) > 0 }, "1 % done": func(int) bool { return rng.IntN(100) == 0 },
		"first": func(i int) bool { return i == 1 }, "blocks": func(i int) bool { return i/100%2 == 0 },
	} {
		t.Run(name, func(t *testing.T) {
			const base = int64(1) << 40
			tr := tracked(base, 10_000, done)
			text, whole := tr.Map(base, MetadataLimit, Map{})
			if !whole || len(text) > MetadataLimit {
				t.Fatalf("%d characters, whole: %t", len(text), whole)
			}
			m, err := ParseMap(text, base)
			if err != nil {
				t.Fatal(err)
			}
			if m.Count() != tr.Beyond() {
				t.Errorf("%d done, want %d", m.Count(), tr.Beyond())
			}
			for i := range 10_000 {
				bit := *tr.word(uint64(i)) >> (i % 64) & 1
				if m.Done(base+int64(i), 7) != (bit == 1) {
					t.Fatalf("offset %d differs", i)
				}
			}
			if m.Done(base+9_999, 8) {
				t.Error("a record of a later epoch counts as done")
			}
		})
	}
}

// A map that does not fit covers a prefix and never says more than is done.
func TestAMapThatDoesNotFitCoversAPrefix(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	tr := tracked(0, 200_000, func(int) bool { return rng.IntN(2) == 0 })
	for _, limit := range []int{MetadataLimit, 500, 60, 10, 0} {
		text, whole := tr.Map(0, limit, Map{})
		if whole || len(text) > limit {
			t.Fatalf("limit %d: %d characters, whole: %t", limit, len(text), whole)
		}
		if text == "" {
			continue
		}
		m, err := ParseMap(text, 0)
		if err != nil {
			t.Fatal(err)
		}
		for i := range int(m.end) {
			bit := *tr.word(uint64(i)) >> (i % 64) & 1
			if m.Done(int64(i), 7) != (bit == 1) {
				t.Fatalf("limit %d: offset %d differs", limit, i)
			}
		}
		if limit == MetadataLimit && m.end < 20_000 {
			t.Errorf("a full map covers %d offsets, want at least 20,000", m.end)
		}
	}
}

// So regular a pattern fits however long it is, so not its length but the number
// of runs ends the map.
func TestAMapOfTooManyRunsSaysThatItIsNotWhole(t *testing.T) {
	tr := tracked(0, 2*maxRuns+10, func(i int) bool { return i%2 == 1 })
	text, whole := tr.Map(0, MetadataLimit, Map{})
	m, err := ParseMap(text, 0)
	if err != nil {
		t.Fatal(err)
	}
	if whole || m.Count() >= tr.Beyond() {
		t.Errorf("whole: %t with %d of %d records", whole, m.Count(), tr.Beyond())
	}
}

func TestDamagedMapsAreRefused(t *testing.T) {
	tr := tracked(500, 3000, func(i int) bool { return i%3 != 0 })
	text, _ := tr.Map(500, MetadataLimit, Map{})
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		t.Fatal(err)
	}
	for i := range raw {
		for bit := range 8 {
			bad := append([]byte(nil), raw...)
			bad[i] ^= 1 << bit
			if _, err := ParseMap(base64.RawURLEncoding.EncodeToString(bad), 500); err == nil {
				t.Fatalf("byte %d bit %d flipped and nobody noticed", i, bit)
			}
		}
	}
	for i := range raw {
		if _, err := ParseMap(base64.RawURLEncoding.EncodeToString(raw[:i]), 500); err == nil {
			t.Fatalf("cut at %d and nobody noticed", i)
		}
	}
	if _, err := ParseMap(text, 501); !errors.Is(err, ErrMap) {
		t.Errorf("a map of another offset: %v, want ErrMap", err)
	}
	for _, foreign := range []string{"", "member-7c", "AQ==", "{}", "\x00", "sarama-1.2"} {
		if _, err := ParseMap(foreign, 500); err == nil {
			t.Errorf("%q was read as a map", foreign)
		}
	}
}

// sealed makes a map of a body that a writer of ours would never make.
func sealed(enc byte, base, span uint64, body []byte) string {
	b := []byte{magic, version, enc, 0, 0, 0, 7}
	b = binary.AppendUvarint(b, base)
	b = binary.AppendUvarint(b, span)
	b = append(b, body...)
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crcTable))
	return base64.RawURLEncoding.EncodeToString(b)
}

func TestHostileMapsAreRefusedCheaply(t *testing.T) {
	huge := make([]byte, maxBody+1)
	for name, text := range map[string]string{
		"span of all":    sealed(encRuns, 0, 1<<63, []byte{1, 1}),
		"run over span":  sealed(encRuns, 0, 10, []byte{1, 20}),
		"gap overflows":  sealed(encRuns, 0, 10, binary.AppendUvarint(nil, 1<<63)),
		"empty run":      sealed(encRuns, 0, 10, []byte{1, 0}),
		"half a pair":    sealed(encRuns, 0, 10, []byte{1}),
		"no body":        sealed(encRuns, 0, 10, nil),
		"bits too short": sealed(encBits, 0, 100, []byte{1}),
		"no bit set":     sealed(encBits, 0, 8, []byte{0}),
		"unknown":        sealed(9, 0, 10, []byte{1, 1}),
		"deflate bomb":   sealed(encBits|deflated, 0, maxSpan, new(deflater).deflate(huge)),
		"not deflated":   sealed(encBits|deflated, 0, 10, []byte{1, 2, 3}),
	} {
		if _, err := ParseMap(text, 0); !errors.Is(err, ErrMap) && !errors.Is(err, ErrForeign) {
			t.Errorf("%s: %v, want a refusal", name, err)
		}
	}
}

// FuzzParseMap reads noise, with the checksum mended so that it gets further.
func FuzzParseMap(f *testing.F) {
	for _, tr := range []*Tracker{
		tracked(0, 100, func(i int) bool { return i%2 == 0 }), tracked(0, 5000, func(i int) bool { return i%7 != 3 }),
	} {
		text, _ := tr.Map(0, MetadataLimit, Map{})
		raw, err := base64.RawURLEncoding.DecodeString(text)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw[2:len(raw)-4], int64(0))
	}
	f.Fuzz(func(t *testing.T, b []byte, committed int64) {
		b = append([]byte{magic, version}, b...)
		b = binary.BigEndian.AppendUint32(b, crc32.Checksum(b, crcTable))
		m, err := ParseMap(base64.RawURLEncoding.EncodeToString(b), committed)
		if err != nil {
			return
		}
		last := committed
		for _, r := range m.runs {
			if r.from < last || r.to <= r.from {
				t.Fatalf("run [%d, %d) after %d", r.from, r.to, last)
			}
			last = r.to
		}
		checkAfter(t, &m, committed, b)
		if m.Done(committed-1, m.epoch) || m.Count() == 0 || m.Count() > maxSpan {
			t.Fatalf("a map of %d offsets from %d", m.Count(), committed)
		}
	})
}

// checkAfter asks what is left of m behind some of its offsets.
func checkAfter(t *testing.T, m *Map, committed int64, noise []byte) {
	t.Helper()
	for _, c := range noise[:min(len(noise), 8)] {
		last := committed + int64(c)
		left := m.After(last, m.epoch)
		count := 0
		for _, r := range m.runs {
			count += int(max(r.to-max(r.from, last+1), 0))
		}
		if left.Count() != count {
			t.Fatalf("%d are left after %d, want %d", left.Count(), last, count)
		}
		for o := committed; o < committed+300; o++ {
			if left.Done(o, m.epoch) != (o > last && m.Done(o, m.epoch)) {
				t.Fatalf("after %d: Done(%d) is %t", last, o, left.Done(o, m.epoch))
			}
		}
		if m.epoch < 1<<31-1 {
			if other := m.After(last, m.epoch+1); other.Count() > 0 {
				t.Fatalf("%d are left in another log", other.Count())
			}
		}
	}
}

func TestMapsThatDoNotFitTakeOneCompressor(t *testing.T) {
	rng := rand.New(rand.NewPCG(5, 6))
	tr := tracked(0, 100_000, func(int) bool { return rng.IntN(2) == 0 })
	if text, whole := tr.Map(0, MetadataLimit, Map{}); whole || text == "" {
		t.Fatalf("got %d characters, whole: %t, want a part", len(text), whole)
	}
	const maps = 3
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range maps {
		tr.Map(0, MetadataLimit, Map{})
	}
	runtime.ReadMemStats(&after)
	if got, want := (after.TotalAlloc-before.TotalAlloc)/maps, uint64(8<<20); got > want {
		t.Errorf("a map allocates %d B, want at most %d", got, want)
	}
}

func BenchmarkMapThatDoesNotFit(b *testing.B) {
	rng := rand.New(rand.NewPCG(5, 6))
	tr := tracked(0, 100_000, func(int) bool { return rng.IntN(2) == 0 })
	b.ReportAllocs()
	for range b.N {
		tr.Map(0, MetadataLimit, Map{})
	}
}
