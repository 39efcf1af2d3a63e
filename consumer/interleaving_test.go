package consumer

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/consumer/internal/lane"
	"github.com/weir-kafka/weir/consumer/internal/offset"
	"github.com/weir-kafka/weir/sink"
)

// Records of three keys, and two sessions one after the other: everything that
// can happen to a partition's object, in every order. A step that leads to a state
// that was seen before is not followed again. With six records the second session
// only finishes what the first left; with four it is stepped through as well, and
// a third finishes.
const (
	scopeRecords = 6
	scopeKeys    = 3
)

// scope is one history of the partition: the two objects, the broker and what
// sinks saw. It is made anew from its steps, because objects can not be copied.
type scope struct {
	t     *testing.T
	c     *Consumer
	n     int  // records
	both  bool // both sessions are stepped through, and a commit is one step
	keys  [scopeKeys][]byte
	trail []string

	parts     []*partition // by session
	cursor    int          // next to be fetched
	out       []taken
	flight    *mark
	committed int64
	metadata  string

	seen    [scopeRecords]int // effects
	newest  [3][scopeKeys]int // by session and key, one above
	unclean bool
}

// taken is what is left of a batch: one message a record, acknowledged in order.
type taken struct {
	session int
	batch   *batch
	next    int
}

// newScopes returns a maker of histories that share a consumer and three keys of
// different lanes.
func newScopes(t *testing.T, both bool) func() *scope {
	t.Helper()
	c := &Consumer{now: time.Now, laneMode: lane.Keyed}
	c.seed, c.stages = maphash.MakeSeed(), []*writeStage{{}}
	p := newPartition(context.Background(), c, tp{"in", 0}, 1)
	var keys [scopeKeys][]byte
	used := map[uint32]bool{}
	for i, n := 0, 0; n < scopeKeys; i++ {
		key := fmt.Appendf(nil, "%d", i)
		if l := p.hash(&kgo.Record{Key: key}) % 16; !used[l] {
			used[l], keys[n] = true, key
			n++
		}
	}
	return func() *scope {
		s := &scope{t: t, c: c, keys: keys, n: scopeRecords, both: both}
		if both {
			s.n = scopeKeys + 1
		}
		s.assign()
		return s
	}
}

func (s *scope) part() *partition { return s.parts[len(s.parts)-1] }

func (s *scope) failf(format string, args ...any) {
	s.t.Helper()
	s.t.Fatalf("after %s: %s", strings.Join(s.trail, ", "), fmt.Sprintf(format, args...))
}

// assign begins a session where the group's commit says.
func (s *scope) assign() {
	p := newPartition(context.Background(), s.c, tp{"in", 0}, 1)
	p.lanes = lane.New[item](lane.Keyed, 4)
	p.committed, p.sentMap = s.committed, s.metadata
	if s.metadata != "" {
		m, err := offset.ParseMap(s.metadata, s.committed)
		if err != nil {
			s.failf("the map: %v", err)
		}
		p.skip = m
	}
	s.parts, s.cursor = append(s.parts, p), int(s.committed)
}

func (s *scope) push(n int) {
	var recs []*kgo.Record
	for ; n > 0 && s.cursor < s.n; n-- {
		recs = append(recs, &kgo.Record{Offset: int64(s.cursor), Key: s.keys[s.cursor%scopeKeys], LeaderEpoch: 1})
		s.cursor++
	}
	s.part().push(recs, int64(s.n))
}

func (s *scope) take(n int) bool {
	b, _ := s.part().take(&hand{c: s.c}, n, 1<<20)
	if b == nil {
		return false
	}
	for i := range b.taken {
		b.states[i].handled, b.states[i].wait = true, 1
		b.outs[0].msgs = append(b.outs[0].msgs, handMessage())
		b.outs[0].recs = append(b.outs[0].recs, int32(i))
	}
	b.outs[0].seal()
	s.part().handled(b, 0)
	s.out = append(s.out, taken{session: len(s.parts) - 1, batch: b})
	return true
}

// ack gives the next message of a batch its effect.
func (s *scope) ack(i int) {
	o := &s.out[i]
	p := s.parts[o.session]
	at := int(o.batch.taken[o.next].Item.rec.Offset)
	key := at % scopeKeys
	if at < s.newest[o.session][key] || at >= scopeKeys && s.seen[at-scopeKeys] == 0 {
		s.failf("record %d takes effect out of order", at)
	}
	s.newest[o.session][key] = at + 1
	if s.seen[at]++; s.seen[at] > 1 && !s.unclean {
		s.failf("record %d is repeated, and nothing but hand-overs happened", at)
	}
	p.ack(&o.batch.outs[0], o.next, o.next+1)
	s.advance(i, 1)
}

// abandon lets the rest of a batch go, as after a refusal.
func (s *scope) abandon(i int) {
	o := &s.out[i]
	n := len(o.batch.taken) - o.next
	s.parts[o.session].abandon(&o.batch.outs[0], o.next, o.next+n)
	s.advance(i, n)
}

func (s *scope) advance(i, n int) {
	o := &s.out[i]
	if o.next += n; o.next == len(o.batch.taken) {
		s.parts[o.session].dispatched(o.batch)
		s.out = slices.Delete(s.out, i, i+1)
	}
}

// snapshot begins a commit; answer ends it.
func (s *scope) snapshot() bool {
	m, ok := s.part().mark()
	if ok {
		s.flight = &m
	}
	return ok
}

func (s *scope) answer(err error) {
	m := *s.flight
	s.flight = nil
	if err == nil {
		if m.next < s.committed {
			s.failf("the commit goes back from %d to %d", s.committed, m.next)
		}
		s.committed, s.metadata = m.next, m.metadata
		s.checkCommit()
	}
	m.p.commitDone(m, err)
}

// checkCommit demands that what the broker believes is done was seen by the sink.
func (s *scope) checkCommit() {
	var done offset.Map
	if s.metadata != "" {
		var err error
		if done, err = offset.ParseMap(s.metadata, s.committed); err != nil {
			s.failf("the map: %v", err)
		}
	}
	for o := range s.n {
		if (int64(o) < s.committed || done.Done(int64(o), 1)) && s.seen[o] == 0 {
			s.failf("record %d is committed and had no effect", o)
		}
	}
}

// checkCounts compares what the object holds with what it should.
func (s *scope) checkCounts() {
	for i, p := range s.parts {
		var out int64
		for _, o := range s.out {
			if o.session == i {
				out += int64(len(o.batch.taken) - o.next)
			}
		}
		queued := int64(p.lanes.Queued())
		if p.active != out || p.records != out+queued || (p.held == 0) != (p.records == 0) {
			s.failf("session %d: %d active, %d records, %d bytes; want %d and %d", i, p.active, p.records, p.held, out, out+queued)
		}
		if done := isClosed(p.drained); p.life != live && out == 0 && !done {
			s.failf("session %d is drained and nobody is told", i)
		} else if p.life <= draining && out > 0 && done {
			s.failf("session %d is told to be drained with %d records out", i, out)
		}
	}
}

func isClosed(ch <-chan struct{}) bool {
	select {
	case <-ch:
		return true
	default:
		return false
	}
}

// handMessage is the one message that a record becomes.
func handMessage() sink.Message { return sink.Message{Value: []byte("x")} }

var errRefused = errors.New("refused")

// steps are what can happen. Each returns false when it can not happen now.
var steps = []struct {
	name string
	do   func(s *scope) bool
}{
	{"half are fetched", func(s *scope) bool {
		if s.part().life > draining || s.cursor == s.n {
			return false
		}
		s.push(s.n / 2)
		return true
	}},
	{"one is taken", func(s *scope) bool { return s.take(1) }},
	{"all are taken", func(s *scope) bool { return s.take(s.n) }},
	{"the 1st batch goes on", func(s *scope) bool { return s.onward(0) }},
	{"the 2nd batch goes on", func(s *scope) bool { return s.onward(1) }},
	{"the 3rd batch goes on", func(s *scope) bool { return s.onward(2) }},
	{"the 4th batch goes on", func(s *scope) bool { return s.onward(3) }},
	{"the newest batch is abandoned", func(s *scope) bool {
		if len(s.out) == 0 || s.part().life == live {
			return false
		}
		s.abandon(len(s.out) - 1)
		return true
	}},
	{"a commit begins", func(s *scope) bool { return !s.both && s.flight == nil && s.snapshot() }},
	{"it is answered", func(s *scope) bool { return s.answered(nil) }},
	{"a commit", func(s *scope) bool { return s.both && s.snapshot() && s.answered(nil) }},
	{"it is refused", func(s *scope) bool { return s.answered(errRefused) }},
	{"the partition is revoked", func(s *scope) bool {
		if s.part().life != live {
			return false
		}
		s.part().startDrain()
		return true
	}},
	{"it is drained", func(s *scope) bool {
		p := s.part()
		if p.life != draining || !isClosed(p.drained) || s.flight != nil {
			return false
		}
		if s.snapshot() {
			s.answer(nil)
		}
		p.kill(revoked)
		return true
	}},
	{"it is lost", func(s *scope) bool {
		if s.part().life > draining || len(s.parts) > 1 {
			return false
		}
		s.unclean = true
		s.part().kill(lost)
		return true
	}},
	{"it is assigned again", func(s *scope) bool {
		if !s.both || s.part().life <= draining || len(s.parts) > 1 {
			return false
		}
		s.assign()
		return true
	}},
}

func (s *scope) onward(i int) bool {
	if i >= len(s.out) {
		return false
	}
	s.ack(i)
	return true
}

func (s *scope) answered(err error) bool {
	if s.flight == nil {
		return false
	}
	s.answer(err)
	return true
}

// finish lets everything come to its end, and says in which order the lanes gave
// their records: with print, that is what tells two states apart.
func (s *scope) finish() (order string) {
	for s.take(1) {
		b := s.out[len(s.out)-1].batch
		order += fmt.Sprint(b.taken[0].Item.rec.Offset)
	}
	if s.flight != nil {
		s.answer(nil)
	}
	for range 4 * s.n {
		if s.part().life > draining {
			s.assign()
		}
		s.push(s.n)
		for len(s.out) > 0 {
			s.ack(0)
		}
		for s.take(1) {
			s.ack(0)
		}
		if s.snapshot() {
			s.answer(nil)
		}
		if s.part().life == draining {
			s.part().kill(revoked)
		}
		if s.committed == int64(s.n) {
			break
		}
	}
	if s.committed != int64(s.n) {
		s.failf("%d of %d records are committed in the end", s.committed, s.n)
	}
	for i, p := range s.parts {
		if p.held != 0 || p.records != 0 || p.active != 0 || p.lanes.Busy() != 0 {
			s.failf("session %d holds %d bytes, %d records, %d in flight, %d lanes in the end", i, p.held, p.records, p.active, p.lanes.Busy())
		}
	}
	return order
}

// print is everything that a later step may depend on, but for the order of lanes.
func (s *scope) print() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %q %v %v %d %v|", s.committed, s.metadata, s.seen, s.newest, s.cursor, s.unclean)
	for _, o := range s.out {
		fmt.Fprintf(&b, "%d:", o.session)
		for _, t := range o.batch.taken[o.next:] {
			fmt.Fprintf(&b, "%d,", t.Item.rec.Offset)
		}
	}
	if s.flight != nil {
		fmt.Fprintf(&b, "|%d %q %d", s.flight.next, s.flight.metadata, s.flight.covered)
	}
	for _, p := range s.parts {
		next, _, _ := p.tracker.Commit()
		fmt.Fprintf(&b, "|%d %d %d %d %q %d %d %d", p.life, next, p.tracker.Pending(), p.committed, p.sentMap, p.uncommitted, p.lanes.Queued(), p.lanes.Busy())
	}
	return b.String()
}

// replay makes the history of a path, and tells whether its last step can happen.
func replay(fresh func() *scope, path []byte) (s *scope, ok bool) {
	s = fresh()
	for i, k := range path {
		s.trail = append(s.trail, steps[k].name)
		if ok = steps[k].do(s); !ok && i < len(path)-1 {
			s.failf("a history does not repeat itself")
		}
	}
	return s, ok
}

func TestEveryOrderOfEventsInASession(t *testing.T) {
	t.Parallel()
	explore(t, false, 15_000)
}

func TestEveryOrderOfEventsInTwoSessions(t *testing.T) {
	t.Parallel()
	explore(t, true, 60_000)
}

// explore follows every step from every state. There must be least states, or
// something keeps steps from happening.
func explore(t *testing.T, both bool, least int) {
	t.Helper()
	fresh := newScopes(t, both)
	most, seed, seen := 1<<30, maphash.MakeSeed(), map[uint64]bool{}
	if testing.Short() {
		most, least = 2_000, 2_000
	}
	frontier := [][]byte{nil}
	for len(frontier) > 0 && len(seen) < most {
		path := frontier[0]
		frontier = frontier[1:]
		for k := range steps {
			next := append(path[:len(path):len(path)], byte(k))
			s, ok := replay(fresh, next)
			if !ok {
				continue
			}
			s.checkCounts()
			print := s.print()
			if h := maphash.String(seed, print+s.finish()); !seen[h] {
				seen[h] = true
				frontier = append(frontier, next)
			}
		}
	}
	t.Logf("%d states", len(seen))
	if len(seen) < least {
		t.Errorf("%d states, want at least %d", len(seen), least)
	}
}
