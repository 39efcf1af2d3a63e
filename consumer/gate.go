package consumer

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/weir-kafka/weir/flow"
)

// gate is the ruling that the poll loop waits at.
type gate struct {
	mu      sync.Mutex
	state   State
	reasons []string
	since   time.Time
	changed chan struct{} // closed, and made anew, when the state changes
	sinks   []sinkView    // as of the last ruling
	spent   map[State]time.Duration
	resumed time.Time     // of a pause, while its first record is waited for
	fetch   time.Duration // from a resume to its first record, until the sinks' gates were told
	ceiling int64         // records that may be held until the next ruling
	takes   int           // and for how many the gate was opened then
	dry     bool          // the poll loop waits for more

	// thirsty is below how many held records the poll loop wants to be woken; 0 is never.
	thirsty atomic.Int64
	// cramped is set while nothing but the size of records keeps it closed.
	cramped atomic.Bool
}

func newGate(now time.Time) gate {
	return gate{state: StateOpen, since: now, ceiling: startRecords, takes: startRecords, changed: make(chan struct{}), spent: map[State]time.Duration{}}
}

func (g *gate) set(s State, reasons []string, now time.Time) {
	g.reasons = reasons
	if g.state == s {
		return
	}
	g.spent[g.state] += now.Sub(g.since)
	g.state, g.since = s, now
	g.wake()
}

// wake lets the poll loop look again.
func (g *gate) wake() {
	close(g.changed)
	g.changed = make(chan struct{})
}

// allow sets how many records may be taken beside those that are held: as those
// end, more may be. So a quick pipeline is not bound by how often this is ruled.
func (g *gate) allow(held int64, records int) {
	g.ceiling, g.takes = held+int64(records), records
	if g.dry && records > 0 {
		g.drink()
	}
}

// left returns how many records may be taken now. With none, the poll loop is
// woken once an eighth of what was allowed has ended.
func (g *gate) left(held *atomic.Int64) int {
	g.thirsty.Store(g.ceiling - int64(g.takes/8))
	n := g.ceiling - held.Load() // after the store: what ends from here on wakes
	if g.dry = n <= 0; g.dry {
		return 0
	}
	g.thirsty.Store(0)
	return int(min(n, math.MaxInt32))
}

func (g *gate) drink() {
	g.thirsty.Store(0)
	g.dry = false
	g.wake()
}

// ended says that so many records are still held.
func (g *gate) ended(held int64) {
	if g.thirsty.Load() <= held {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.thirsty.Load() > held {
		g.drink()
	}
}

// times returns how long each state has been in force.
func (g *gate) times(now time.Time) map[State]time.Duration {
	ts := make(map[State]time.Duration, 3)
	for _, s := range [...]State{StateOpen, StateHold, StatePaused} {
		ts[s] = g.spent[s]
	}
	ts[g.state] += now.Sub(g.since)
	return ts
}

// slowestFetch is the longest that a first record after a resume is taken for a
// measure of the refetch: later ones came because they were produced later.
const slowestFetch = 10 * time.Second

// arrived says that a poll brought records.
func (g *gate) arrived(now time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if took := now.Sub(g.resumed); !g.resumed.IsZero() && took <= slowestFetch {
		g.fetch = took
	}
	g.resumed = time.Time{}
}

// load counts the messages of a stage.
type load struct {
	entered atomic.Int64 // handed to the stage
	ended   atomic.Int64 // acknowledged, dropped, or given to the dead letters
}

// waiting is how many messages the stage has, those in calls included.
func (l *load) waiting() int64 { return max(l.entered.Load()-l.ended.Load(), 0) }

// sinkGates turn what is counted into one flow.Gate per stage. Only the
// reconciler uses them.
type sinkGates struct {
	at      time.Time
	handled decaying // records that the handler stage passed on
	sinks   []sinkGate
	search  search
}

type sinkGate struct {
	gate    flow.Gate
	pace    float64  // messages a second that it can, as last known
	given   decaying // messages
	done    int64    // messages that the sink took, or gave an end to by refusing them
	entered int64
	refused bool
	wins    uint64    // when it refused
	why     string    // it did
	busy    time.Time // when it had something to write last
	filled  time.Time // when its limit or rate was what bounded it last
	stepped time.Time
}

// setAside returns how many messages are set aside until their retry is due: they wait
// for the time and not for room.
func (s *writeStage) setAside() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.set
}

// decaying is a count that forgets: it is worth a half after some seconds.
type decaying struct {
	last int64
	sum  float64
}

func (d *decaying) add(total int64, keep float64) {
	d.sum = d.sum*keep + float64(total-d.last)
	d.last = total
}

const (
	// fanMemory is how long it is remembered how many messages a record becomes.
	fanMemory = 10 * time.Second
	// usedFor is how long a sink counts as in use after it last had work.
	usedFor = time.Minute
	// fullFor is how long a sink that was at its limit is taken for what bounds the
	// work: what the handlers have not passed on yet waits for it too.
	fullFor = time.Second
	// startRecords are taken at once for a sink whose pace is not known, or that is
	// not what bounds the work.
	startRecords = 10_000
	// aboveHigh is how far above the upper level a queue may be filled: enough to
	// be seen as one that stands.
	aboveHigh = time.Second
)

// search takes records in though no sink takes any, to find one that it takes.
// What is held may be all at fault, and nothing shows that but a record that is
// not: a message is given up only when the sink took another meanwhile. Each time
// it takes twice as many, so that an outage fills the memory late and slowly.
type search struct {
	wins   uint64
	since  time.Time // the last success, or the last search
	size   int
	polled int64 // when it began
}

const (
	searchAfter = 15 * time.Second
	searchFirst = 16
	searchMost  = 1 << 16
	// searchFor is how long it waits for records that may not be there.
	searchFor = 2 * time.Second
)

// step returns how many records may be taken though the sinks are blocked.
func (s *search) step(now time.Time, wins uint64, polled int64) int {
	if wins != s.wins || s.since.IsZero() {
		*s = search{wins: wins, since: now}
		return 0
	}
	waited := now.Sub(s.since)
	if waited < searchAfter {
		return 0
	}
	if s.polled < 0 || s.size == 0 {
		s.size, s.polled = min(max(2*s.size, searchFirst), searchMost), polled
	}
	if left := s.size - int(polled-s.polled); left > 0 && waited < searchAfter+searchFor {
		return left
	}
	s.since, s.polled = now, -1
	return 0
}

// step tells each stage's gate what has happened since the last step. What waits
// before a sink is what its stage has, and its part of what the handlers have
// not passed on yet, which is as large as its part was lately. It also returns how
// many records may be taken though the sinks are blocked, and how many while no sink
// bounds the work: what the handlers did lately.
func (g *sinkGates) step(c *Consumer, now time.Time, fetch time.Duration) (views []sinkView, try, free int) {
	if g.sinks == nil {
		g.sinks = make([]sinkGate, len(c.stages))
		for i := range g.sinks {
			// A hold may end as soon as it is looked at again: it was entered for
			// nothing worse than to let the queue fall. Pauses have their own dwell.
			g.sinks[i].gate.Dwell = reconcileEvery
		}
		fetch = max(fetch, 1)
	}
	keep := math.Exp(-now.Sub(g.at).Seconds() / fanMemory.Seconds())
	g.at = now
	g.handled.add(c.totals.handled.Load(), keep)
	var fan, waiting float64
	for i, s := range c.stages {
		g.sinks[i].given.add(s.load.entered.Load(), keep)
		fan += g.sinks[i].given.sum
		waiting += float64(s.load.waiting())
	}
	upstream := float64(c.heldRecords.Load())
	if fan > 0 {
		upstream = max(upstream-waiting*g.handled.sum/fan, 0)
	}
	views = make([]sinkView, len(c.stages))
	var wins uint64
	for i, s := range c.stages {
		wins += s.wins.Load()
		ratio := 0.0
		if g.handled.sum >= 1 {
			ratio = g.sinks[i].given.sum / g.handled.sum
		}
		views[i] = g.sinks[i].step(s, now, int(upstream*ratio), fetch)
		views[i].takes = g.sinks[i].takes(&views[i], s.load.waiting(), ratio, int(g.handled.sum))
	}
	return views, g.search.step(now, wins, c.totals.polled.Load()), max(int(g.handled.sum), startRecords)
}

func (g *sinkGate) step(s *writeStage, now time.Time, upstream int, fetch time.Duration) sinkView {
	st, waiting, done := s.limiter.Snapshot(), int(s.load.waiting()), s.written.Load()+s.rejected.Load()
	v := sinkView{name: s.name, final: s.final, until: st.HoldUntil}
	switch {
	case !st.HoldUntil.After(now):
	case st.Asked:
		g.why = "retry-after"
	default:
		g.why = "calls fail"
	}
	v.full = st.InFlight >= st.Limit && s.queued() > 0 || s.stood.after(g.stepped) // between two looks too
	v.rated = waiting > 0 && s.pace.rated.after(now.Add(-reconcileEvery))          // since it was looked at last
	if empty := s.pace.empty.time(); empty.After(now) && empty.After(v.until) {
		v.until, g.why = empty, "retry budget"
	}
	v.deaf, _ = s.underWay.count()
	// A limiter that is seldom asked, as retries wait, sees no outage; what is held does.
	stuck := s.failing.Load() && done == g.done && waiting+upstream >= startRecords
	g.refuse(&v, s, now, waiting, stuck)
	v.why = g.why
	if v.full || v.rated {
		g.filled = now
	}
	in := flow.GateInput{
		Queued: max(waiting-s.setAside(), 0), Done: int(done - g.done), Bytes: int(s.c.held.Load()), HoldUntil: v.until,
	}
	if now.Sub(g.filled) < fullFor {
		in.Queued += upstream
	}
	// A sink that does more than was thought shows what it can, full or not.
	in.Full = v.full || v.rated || float64(in.Done) > g.pace*now.Sub(g.stepped).Seconds()
	if fetch > 0 { // the time until it is looked at again runs before the client is told
		in.Fetch = fetch + reconcileEvery
	}
	g.done, g.stepped = done, now
	v.gate, _ = g.gate.Step(now, in)
	v.wait, v.low, v.high = g.gate.Wait()
	if v.wait > 0 {
		g.pace = float64(in.Queued) / v.wait.Seconds()
	}
	if entered := s.load.entered.Load(); waiting > 0 || entered != g.entered { // a quick sink is never seen with work
		g.busy, g.entered = now, entered
	}
	v.used = !g.busy.IsZero() && now.Sub(g.busy) < usedFor
	return v
}

// takes returns how many records may be taken for the sink beside those that are
// held: a fetch brings in a moment what a slow sink works at for minutes. A record
// becomes ratio messages; while the sink is not what bounds the work, as many records
// may be taken as were handled lately.
func (g *sinkGate) takes(v *sinkView, waiting int64, ratio float64, handled int) int {
	most, least, each := max((v.high+aboveHigh-v.wait).Seconds()*g.pace, 0), 0, max(ratio, 1)
	switch {
	case g.pace == 0:
		most = max(startRecords-float64(waiting), 0)
	case g.stepped.Sub(g.filled) >= fullFor:
		most, least = max(most, startRecords), handled-int(float64(waiting)/each) // what waits shows soon what bounds the work
	}
	return max(int(math.Ceil(most/each)), least) // one, if there is room for a part of one
}

// refuse holds what a sink that refused is not ready for: not only for as long
// as it asked, but until a call has succeeded again, so that each probe of an
// outage does not open the gate for as long as it takes. A sink that has nothing
// to write refuses nothing.
//
// A sink that is stuck has not said so: its calls fail one after the other, and
// enough is held to go on with once they do not.
func (g *sinkGate) refuse(v *sinkView, s *writeStage, now time.Time, waiting int, stuck bool) {
	wins := s.wins.Load()
	switch {
	case waiting == 0:
		g.refused, v.until = false, time.Time{}
	case stuck && !g.refused && !v.until.After(now):
		g.refused, g.wins, g.why = true, wins, "calls fail"
		v.until = now.Add(reconcileEvery)
	case v.until.After(now):
		g.refused, g.wins = true, wins
	case g.refused && g.wins == wins:
		v.until = now.Add(reconcileEvery)
	default:
		g.refused = false
	}
}
