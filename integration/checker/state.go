package checker

import (
	"cmp"
	"slices"
	"time"

	"github.com/weir-kafka/weir/integration/ledger"
)

// record is a record with what happened to it.
type record struct {
	*ledger.Record
	lane   *lane // nil when it stands in no order
	index  int   // in lane
	done   bool
	last   effect // the last of its newest session
	letter effect
	passed int // 1 + the event of the first commit that passed it before it was done
}

// effect is the last outcome of one kind.
type effect struct {
	session *session // nil for none
	unknown bool
}

// lane is what must stay in order: the records of a key, or of a partition.
type lane struct {
	recs  []*record
	next  int              // the first that has no outcome
	known map[*session]int // highest index with an acknowledged effect, by session
}

// advance moves next over what is done.
func (l *lane) advance() {
	for l.next < len(l.recs) && l.recs[l.next].done {
		l.next++
	}
}

// partition is a partition with what happened to it.
type partition struct {
	ledger.Partition
	recs   []record // by offset
	tried  int      // records that commits have passed
	most   int64    // highest offset that anybody asked to commit
	high   int64    // the broker's commit, as far as it is certain
	told   int64    // the last commit that was answered, and accepted
	behind int64    // the most that the broker's commit can be
	newest *session // the last assigned of those that had an effect
	open   []*session
	all    []*session
	since  time.Duration // the last progress
	stuck  bool
	last   map[int]lastRead // by instance
	ended  map[int]int      // event with which an instance's last session ended
}

// lastRead is the reading before.
type lastRead struct {
	at      int
	reading ledger.Reading
}

// at returns the record at an offset, nil for none.
func (p *partition) at(offset int64) *record {
	i, ok := slices.BinarySearchFunc(p.recs, offset, func(r record, o int64) int { return cmp.Compare(r.Offset, o) })
	if !ok {
		return nil
	}
	return &p.recs[i]
}

// end is the offset after the last record: all must be committed, those that are
// not to be seen too, or the lag never ends.
func (p *partition) end() int64 {
	if len(p.recs) == 0 {
		return 0
	}
	return p.recs[len(p.recs)-1].Offset + 1
}

// session is one assignment.
type session struct {
	id, instance, order int
	began               int64 // the broker's commit then, as far as it is certain
	end                 ledger.Kind
	at                  time.Duration // of the end
	clean               bool
	taken               map[*record]bool // of these some may be done
	fenced, cut         bool
	gone                time.Duration // when it was fenced
	mapless             bool          // the broker refused what is done beyond a commit
	reset               bool
}

// cause says why what the session has done may be done again, "" if nothing does.
func (s *session) cause() string {
	switch {
	case s.reset:
		return "reset"
	case s.cut:
		return "cut off"
	case s.fenced:
		return "fenced"
	case s.end == ledger.Killed:
		return "killed"
	case s.end == ledger.Lost:
		return "lost"
	case s.end == ledger.Revoked && !s.clean:
		return "unclean end"
	case s.mapless:
		return "metadata refused"
	}
	return ""
}

// instance is a process.
type instance struct {
	bound    int64
	repeated int64
	heard    []heard
}
