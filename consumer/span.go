package consumer

import (
	"bytes"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// span is a run of messages of one out that still has to be written: [from, to),
// in lane groups from g on. Two spans of one lane are never written at the same
// time: the second waits as the first one's then.
type span struct {
	out      *out
	from, to int
	g        int   // index in out.ends of the group that from is in
	then     *span // of the lane of the last group; written once that is acknowledged

	alone   bool      // written without company, to find out who is at fault
	charged int       // failures that count against its first message
	tries   int       // failures in all, for the backoff
	seen    uint64    // the sink's successes when it failed last
	since   time.Time // of the first failure
	due     time.Time
	debt    *debt // of the call that failed last, nil if its retry is paid for
}

func (s *span) part() *partition { return s.out.batch.part }

// buried reports whether the record of the first message is with the dead letters
// already, because of another of its messages.
func (s *span) buried() bool {
	p := s.part()
	p.mu.Lock()
	defer p.mu.Unlock()
	return s.out.batch.states[s.out.recs[s.from]].dead
}

// groupEnd returns the index behind the last message of the first group.
func (s *span) groupEnd() int { return min(int(s.out.ends[s.g]), s.to) }

// single reports whether the span is one message.
func (s *span) single() bool { return s.to-s.from == 1 }

// size is how many messages the span has, without those that wait for it.
func (s *span) size() int { return s.to - s.from }

// skipGroups moves g to the group that from is in.
func (s *span) skipGroups() {
	for s.from < s.to && int(s.out.ends[s.g]) <= s.from {
		s.g++
	}
}

// cut divides the span before message at, from < at < to. What follows at in
// the same lane group becomes the first part's then; what lies in other groups
// may be written at once and is a part of its own. Only the first part keeps
// the history.
func (s *span) cut(at int) []span {
	first := *s
	first.to, first.then = at, nil
	rest := span{out: s.out, from: at, to: s.to, g: s.g, then: s.then}
	rest.skipGroups()
	if rest.g > 0 && int(s.out.ends[rest.g-1]) == at { // between two groups
		return []span{first, rest}
	}
	if rest.groupEnd() == rest.to {
		first.then = &rest
		return []span{first}
	}
	tail := rest
	tail.to, tail.then = rest.groupEnd(), nil
	first.then = &tail
	rest.from = tail.to
	rest.skipGroups()
	return []span{first, rest}
}

// middle is where to cut the span in two, between groups if it has several.
func (s *span) middle() int {
	mid := s.from + s.size()/2
	if s.groupEnd() == s.to {
		return mid
	}
	g := s.g
	for int(s.out.ends[g]) < mid {
		g++
	}
	if end := int(s.out.ends[g]); end < s.to {
		return end
	}
	return int(s.out.ends[g-1])
}

// unpin copies what the span's messages point to, so that waiting for a retry
// does not keep fetch responses alive. What a message shares with its record it
// shares with the copy: the budget counts it once.
func (s *span) unpin() {
	p := s.part()
	p.mu.Lock()
	defer p.mu.Unlock()
	var from, to *kgo.Record
	for k := s.from; k < s.to; k++ {
		if i := s.out.recs[k]; k == s.from || i != s.out.recs[k-1] {
			t := &s.out.batch.taken[i]
			from, to = t.Item.rec, cloneRecord(t.Item.rec)
			t.Item.rec = to
		}
		m := &s.out.msgs[k]
		m.Key, m.Value = moved(m.Key, from.Key, to.Key), moved(m.Value, from.Value, to.Value)
		m.Headers = slices.Clone(m.Headers)
		for h := range m.Headers {
			if h < len(from.Headers) {
				m.Headers[h].Value = moved(m.Headers[h].Value, from.Headers[h].Value, to.Headers[h].Value)
			} else {
				m.Headers[h].Value = bytes.Clone(m.Headers[h].Value)
			}
		}
	}
}

// moved returns to if b is from, and otherwise a copy of b.
func moved(b, from, to []byte) []byte {
	if len(b) > 0 && sameBytes(b, from) {
		return to
	}
	return bytes.Clone(b)
}
