package proof

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// act is a kind of fault.
type act string

const (
	join      act = "member joins"
	leave     act = "member leaves"
	kill      act = "member killed"
	cutOff    act = "member cut off"
	heal      act = "member healed" // ends a cut
	snap      act = "member's connections end"
	nodeDown  act = "broker leaves"
	nodeUp    act = "broker returns"
	stall     act = "broker stalls"
	lead      act = "leader moves"
	rehash    act = "coordinator moves"
	refuse    act = "request refused"
	unreplied act = "reply dropped"
	slow      act = "replies slow"
	behave    act = "sink"
	grow      act = "partitions added"
)

// action is one fault at its time. Only the fields that its act needs are set.
type action struct {
	at       time.Duration
	act      act
	instance int
	node     int32
	part     int32
	answer   answer
	key      kmsg.Key
	count    int
	lasts    time.Duration
	delay    time.Duration
	mode     mode
	letters  bool // of the dead-letter sink
}

// name is the kind under which an action is counted.
func (a action) name() string {
	switch a.act {
	case refuse:
		return string(a.act) + ": " + a.answer.key.Name()
	case unreplied:
		return string(a.act) + ": " + a.key.Name()
	case behave:
		if a.letters {
			return "dead-letter sink " + string(a.mode)
		}
		return "sink " + string(a.mode)
	default:
		return string(a.act)
	}
}

// String is the action for the reader.
func (a action) String() string {
	s := a.name()
	for _, v := range []struct {
		name string
		set  bool
		v    any
	}{
		{"instance", a.instance > 0, a.instance},
		{"node", a.act == nodeDown || a.act == nodeUp || a.act == stall || a.act == slow || a.act == lead, a.node},
		{"partition", a.act == lead, a.part},
		{"with", a.answer.err != nil, a.answer.err},
		{"times", a.count > 0, a.count},
		{"for", a.lasts > 0, a.lasts},
		{"by", a.delay > 0, a.delay},
	} {
		if v.set {
			s += fmt.Sprintf(" %s %v", v.name, v.v)
		}
	}
	return s
}

// planner draws the actions of a scenario, and keeps count of who would be there.
type planner struct {
	s       *scenario
	rnd     *rand.Rand
	actions []action
	last    int   // instance
	alive   []int // that nothing has happened to
}

// plan is every fault of a scenario in the order of time. It depends on nothing
// else.
func (s *scenario) plan() []action {
	p := &planner{s: s, rnd: rand.New(rand.NewPCG(s.seed, 2)), last: s.members} //nolint:gosec // a seed is to give the same again
	for i := range s.members {
		p.alive = append(p.alive, i+1)
	}
	for _, f := range families() {
		if s.families[f] {
			p.family(f)
		}
	}
	slices.SortStableFunc(p.actions, func(a, b action) int { return cmp.Compare(a.at, b.at) })
	return p.actions
}

// hash identifies a plan.
func hash(plan []action) uint64 {
	h := fnv.New64a()
	for _, a := range plan {
		_, _ = fmt.Fprintf(h, "%d %s\n", a.at, a) // a hash takes everything
	}
	return h.Sum64()
}

func (p *planner) add(a action) { p.actions = append(p.actions, a) }

// when is a time before the calm.
func (p *planner) when() time.Duration {
	return time.Duration(p.rnd.Int64N(int64(p.s.lasts))).Truncate(time.Millisecond)
}

func (p *planner) between(least, most time.Duration) time.Duration {
	return least + time.Duration(p.rnd.Int64N(int64(most-least))).Truncate(time.Millisecond)
}

func (p *planner) family(f family) {
	node := func() int32 { return int32(p.rnd.IntN(nodes)) } //nolint:gosec // three
	switch f {
	case members:
		p.members()
	case network:
		p.network()
	case brokers:
		p.brokers()
	case leaders:
		for range 3 + p.rnd.IntN(5) {
			p.add(action{at: p.when(), act: lead, node: node(), part: int32(p.rnd.IntN(p.s.partitions))}) //nolint:gosec // few
		}
		for range 1 + p.rnd.IntN(3) {
			p.add(action{at: p.when(), act: rehash})
		}
	case codes:
		p.codes()
	case replies:
		keys := p.requests()
		for _, key := range keys {
			for range 1 + p.rnd.IntN(3) {
				p.add(action{at: p.when(), act: unreplied, key: key, count: 1 + p.rnd.IntN(2)})
			}
		}
	case latency:
		for range 2 + p.rnd.IntN(3) {
			p.add(action{at: p.when(), act: slow, node: node(), delay: p.between(time.Millisecond, 400*time.Millisecond), lasts: p.between(2*time.Second, 12*time.Second)})
		}
	case sinks, letters:
		for range 8 + p.rnd.IntN(8) {
			m := modes()[p.rnd.IntN(len(modes()))]
			p.add(action{at: p.when(), act: behave, mode: m, letters: f == letters, lasts: p.between(500*time.Millisecond, 9*time.Second)})
		}
	case growth:
		p.add(action{at: p.when(), act: grow, count: 1 + p.rnd.IntN(2)})
	case handling: // the handler looks
	}
}

// members come and go, in the order of time; none is touched twice.
func (p *planner) members() {
	times := make([]time.Duration, 5+p.rnd.IntN(6))
	for i := range times {
		times[i] = p.when()
	}
	slices.Sort(times)
	for _, at := range times {
		what := [...]act{join, leave, leave, kill, kill}[p.rnd.IntN(5)]
		if what != join && len(p.alive) > 0 {
			p.add(action{at: at, act: what, instance: p.pick()})
			at += p.between(0, 3*time.Second)
		}
		p.last++
		p.alive = append(p.alive, p.last)
		p.add(action{at: min(at, p.s.lasts), act: join, instance: p.last})
	}
}

// pick takes one that nothing has happened to, 0 for none.
func (p *planner) pick() int {
	if len(p.alive) == 0 {
		return 0
	}
	k := p.rnd.IntN(len(p.alive))
	i := p.alive[k]
	p.alive = slices.Delete(p.alive, k, k+1)
	return i
}

func (p *planner) network() {
	for range 1 + p.rnd.IntN(2) {
		if i := p.pick(); i > 0 {
			at := p.when()
			p.add(action{at: at, act: cutOff, instance: i})
			p.add(action{at: at + p.between(time.Second, 5*sessionTimeout/2), act: heal, instance: i})
		}
	}
	for range 2 + p.rnd.IntN(3) {
		p.add(action{at: p.when(), act: snap, instance: 1 + p.rnd.IntN(p.last)})
	}
}

// brokers leave one at a time.
func (p *planner) brokers() {
	at := p.between(0, 5*time.Second)
	for at < p.s.lasts {
		n := int32(p.rnd.IntN(nodes)) //nolint:gosec // three
		down := p.between(time.Second, 9*time.Second)
		p.add(action{at: at, act: nodeDown, node: n})
		p.add(action{at: at + down, act: nodeUp, node: n})
		at += down + p.between(time.Second, 10*time.Second)
	}
	for range 1 + p.rnd.IntN(2) {
		p.add(action{at: p.when(), act: stall, node: int32(p.rnd.IntN(nodes)), delay: p.between(time.Second, 12*time.Second), lasts: p.between(time.Second, 3*time.Second)}) //nolint:gosec // three
	}
}

// codes takes requests in turn, so that rare ones are hit as often.
func (p *planner) codes() {
	byKey := map[kmsg.Key][]answer{}
	for _, r := range refusals() {
		byKey[r.key] = append(byKey[r.key], r)
	}
	for _, key := range p.requests() {
		for range 1 + p.rnd.IntN(2) {
			as := byKey[key]
			p.add(action{at: p.when(), act: refuse, answer: as[p.rnd.IntN(len(as))], count: 1 + p.rnd.IntN(3)})
		}
	}
}

// requests are those of the scenario's protocol.
func (p *planner) requests() []kmsg.Key {
	return slices.DeleteFunc(requests(), func(k kmsg.Key) bool {
		if p.s.protocol == "consumer" {
			return k == kmsg.JoinGroup || k == kmsg.SyncGroup || k == kmsg.Heartbeat || k == kmsg.LeaveGroup
		}
		return k == kmsg.ConsumerGroupHeartbeat
	})
}
