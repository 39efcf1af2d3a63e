// Package offset knows how far a partition may be committed, and what is done
// beyond that.
//
// Records are known by the order in which they were dispatched, not by their
// offset: so gaps left by compaction, aborted transactions and control records
// need no care. It is a plain data structure without lock, clock or goroutine.
package offset

import "math/bits"

// Tracker marks dispatched records as done. One bit stands for each record from
// the first that is not done on, and one segment for each run of consecutive
// offsets, so a window of a million records costs about 130 KB.
type Tracker struct {
	words []uint64 // done bits; a ring whose length is a power of two
	base  uint64   // sequence of the first record that is not done: the watermark
	next  uint64   // sequence of the next record
	ahead int      // records at or beyond base that are done

	segments []segment // of the records from base-1 on
	first    int       // index of the first segment in use

	marked bool  // something was contiguously done
	offset int64 // of the last contiguously done record
	epoch  int32
}

// segment is a run of records with consecutive offsets and one leader epoch.
type segment struct {
	seq    uint64
	offset int64
	epoch  int32
}

const wordBits = 64

// NewTracker returns a tracker that knows no record.
func NewTracker() *Tracker { return &Tracker{} }

// Push adds the next dispatched record. Offsets strictly increase. The result
// names the record from now on; the first is 0.
func (t *Tracker) Push(offset int64, epoch int32) (seq uint64) {
	seq = t.next
	if last, e, ok := t.Last(); !ok || offset != last+1 || epoch != e {
		t.segments = append(t.segments, segment{seq, offset, epoch})
	}
	t.next++
	if int(seq-t.base) >= len(t.words)*wordBits-wordBits {
		t.grow()
	}
	return seq
}

// Done marks a record. It returns false if it was done already or is not known.
func (t *Tracker) Done(seq uint64) bool {
	if seq < t.base || seq >= t.next {
		return false
	}
	w, bit := t.word(seq), uint64(1)<<(seq%wordBits)
	if *w&bit != 0 {
		return false
	}
	*w |= bit
	t.ahead++
	if seq == t.base {
		t.advance()
	}
	return true
}

// DoneRun marks n records from seq on, as n calls of [Tracker.Done] would.
func (t *Tracker) DoneRun(seq uint64, n int) {
	from, to := max(seq, t.base), min(seq+uint64(n), t.next)
	for s := from; s < to; {
		w, shift := t.word(s), s%wordBits
		run := min(wordBits-shift, to-s)
		mask := ^uint64(0) >> (wordBits - run) << shift
		t.ahead += bits.OnesCount64(mask &^ *w)
		*w |= mask
		s += run
	}
	if from < to && from == t.base {
		t.advance()
	}
}

// advance moves the watermark over what is contiguously done, a word at a time.
func (t *Tracker) advance() {
	for t.base < t.next {
		w := t.word(t.base)
		shift := t.base % wordBits
		run := uint64(bits.TrailingZeros64(^(*w >> shift)))
		run = min(run, wordBits-shift, t.next-t.base)
		if run == 0 {
			break
		}
		*w &^= (1<<run - 1) << shift
		t.base += run
		t.ahead -= int(run)
		if run < wordBits-shift {
			break
		}
	}
	t.mark()
}

// mark notes the last contiguously done record and drops segments behind it.
func (t *Tracker) mark() {
	last := t.base - 1
	for t.first+1 < len(t.segments) && t.segments[t.first+1].seq <= last {
		t.first++
	}
	s := t.segments[t.first]
	t.marked, t.offset, t.epoch = true, s.offset+int64(last-s.seq), s.epoch
	if t.first > 64 && t.first > len(t.segments)/2 {
		t.segments = append(t.segments[:0], t.segments[t.first:]...)
		t.first = 0
	}
	if t.base == t.next && cap(t.segments) > 1024 {
		t.segments, t.first = []segment{t.segments[len(t.segments)-1]}, 0
	}
}

// Commit returns the offset to commit: one more than that of the last record up
// to which everything is done, with that record's leader epoch. ok is false
// until there is one.
func (t *Tracker) Commit() (next int64, epoch int32, ok bool) {
	if !t.marked {
		return 0, 0, false
	}
	return t.offset + 1, t.epoch, true
}

// Last returns the newest record.
func (t *Tracker) Last() (offset int64, epoch int32, ok bool) {
	if len(t.segments) == 0 {
		return 0, 0, false
	}
	s := &t.segments[len(t.segments)-1]
	return s.offset + int64(t.next-1-s.seq), s.epoch, true
}

// Oldest returns the first record that is not done.
func (t *Tracker) Oldest() (offset int64, ok bool) {
	if t.base == t.next {
		return 0, false
	}
	i := t.first
	for i+1 < len(t.segments) && t.segments[i+1].seq <= t.base {
		i++
	}
	return t.segments[i].offset + int64(t.base-t.segments[i].seq), true
}

// Pending returns how many records are not done.
func (t *Tracker) Pending() int { return int(t.next-t.base) - t.ahead }

// Beyond returns how many records are done beyond the first that is not.
func (t *Tracker) Beyond() int { return t.ahead }

// Bytes returns the memory that the window takes.
func (t *Tracker) Bytes() int { return len(t.words)*8 + cap(t.segments)*24 }

func (t *Tracker) word(seq uint64) *uint64 {
	return &t.words[seq/wordBits&uint64(len(t.words)-1)]
}

// grow doubles the ring. A word more than the window needs is kept, so that the
// word being filled never meets the word being emptied.
func (t *Tracker) grow() {
	n := max(len(t.words)*2, 16)
	words := make([]uint64, n)
	if len(t.words) > 0 {
		for s := t.base &^ (wordBits - 1); s < t.next; s += wordBits {
			words[s/wordBits&uint64(n-1)] = t.words[s/wordBits&uint64(len(t.words)-1)]
		}
	}
	t.words = words
}

// eachDone calls f for every run of records that are done beyond the watermark
// and whose offsets follow each other, in order, until f returns false.
func (t *Tracker) eachDone(f func(offset int64, n int) bool) {
	i := t.first
	for s := t.base; s < t.next; {
		run, done := t.run(s)
		for i+1 < len(t.segments) && t.segments[i+1].seq <= s {
			i++
		}
		if i+1 < len(t.segments) {
			run = min(run, t.segments[i+1].seq-s)
		}
		if done && !f(t.segments[i].offset+int64(s-t.segments[i].seq), int(run)) {
			return
		}
		s += run
	}
}

// run returns how many records from seq on, at most to the end of its word, are
// alike.
func (t *Tracker) run(seq uint64) (n uint64, done bool) {
	shift := seq % wordBits
	w := *t.word(seq) >> shift
	done = w&1 != 0
	if done {
		w = ^w
	}
	n = uint64(bits.TrailingZeros64(w))
	return min(n, wordBits-shift, t.next-seq), done
}
