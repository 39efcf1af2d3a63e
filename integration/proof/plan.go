package proof

import (
	"cmp"
	"fmt"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weir-kafka/weir/consumer"
)

// planner draws the actions of a scenario, and keeps count of who would be there.
type planner struct {
	s       *scenario
	rnd     *rand.Rand
	actions []action
	last    int   // instance
	alive   []int // of these nothing has happened to any
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
	switch f {
	case members:
		p.members()
	case statics:
		p.statics()
	case network:
		p.network()
	case frost:
		for range 2 + p.rnd.IntN(3) {
			p.apart(freeze, thaw)
		}
	case clocks:
		for range 3 + p.rnd.IntN(4) {
			p.add(action{at: p.when(), act: jump, instance: 1 + p.rnd.IntN(p.last), delay: p.between(time.Second, 40*time.Second)})
		}
	case brokers:
		p.brokers()
	case leaders:
		for range 3 + p.rnd.IntN(5) {
			p.add(action{at: p.when(), act: lead, node: p.node(), part: int32(p.rnd.IntN(p.s.partitions))}) //nolint:gosec // few
		}
		for range 2 + p.rnd.IntN(3) {
			p.add(action{at: p.when(), act: rehash})
		}
	case codes:
		p.codes()
	case replies:
		p.replies()
	case latency:
		for range 3 + p.rnd.IntN(3) {
			p.add(action{at: p.when(), act: slow, node: p.node(), delay: p.between(time.Millisecond, 400*time.Millisecond), lasts: p.between(2*time.Second, 12*time.Second)})
		}
	case sinks, letters:
		for _, m := range modes() {
			for range 2 + p.rnd.IntN(2) {
				p.add(action{at: p.when(), act: behave, mode: m, letters: f == letters, lasts: p.between(500*time.Millisecond, 9*time.Second)})
			}
		}
	case growth:
		for range 3 {
			p.add(action{at: p.when(), act: grow, count: 1})
		}
	case shortage:
		for range 3 + p.rnd.IntN(2) {
			p.add(action{at: p.when(), act: flood, count: 4 + p.rnd.IntN(20)})
		}
	case handling: // the handler looks
	}
}

func (p *planner) node() int32 { return int32(p.rnd.IntN(nodes)) } //nolint:gosec // three

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
		p.join(at)
	}
}

func (p *planner) join(at time.Duration) {
	p.last++
	p.alive = append(p.alive, p.last)
	p.add(action{at: min(at, p.s.lasts), act: join, instance: p.last})
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

// fresh makes a member that nothing happens to but what follows, and that has
// some time to come to work.
func (p *planner) fresh(at time.Duration) int {
	p.last++
	p.add(action{at: max(at-p.between(time.Second, 9*time.Second), 0), act: join, instance: p.last})
	return p.last
}

// statics restart, some of them more than once.
func (p *planner) statics() {
	for i := range 7 + p.rnd.IntN(3) {
		what := [...]act{restart, crash}[i%2]
		p.add(action{at: p.when(), act: what, instance: 1 + p.rnd.IntN(p.s.members), delay: p.between(10*time.Millisecond, p.s.session()*2/3)})
	}
}

// apart keeps a member from the brokers for a while, with or without a notice.
func (p *planner) apart(from, until act) {
	at := p.when()
	i := p.pick()
	if i == 0 || p.rnd.IntN(2) == 0 {
		i = p.fresh(at)
	}
	p.add(action{at: at, act: from, instance: i})
	p.add(action{at: at + p.between(time.Second, 5*p.s.session()/2), act: until, instance: i})
}

func (p *planner) network() {
	for range 3 + p.rnd.IntN(2) {
		p.apart(cutOff, heal)
	}
	for range 4 + p.rnd.IntN(4) {
		p.add(action{at: p.when(), act: snap, instance: 1 + p.rnd.IntN(p.last)})
	}
}

// brokers leave one at a time.
func (p *planner) brokers() {
	at := p.between(0, 5*time.Second)
	for at < p.s.lasts {
		n := p.node()
		down := p.between(time.Second, 9*time.Second)
		p.add(action{at: at, act: nodeDown, node: n})
		p.add(action{at: at + down, act: nodeUp, node: n})
		at += down + p.between(time.Second, 10*time.Second)
	}
	for range 2 + p.rnd.IntN(3) {
		p.add(action{at: p.when(), act: stall, node: p.node(), delay: p.between(time.Second, 12*time.Second), lasts: p.between(time.Second, 3*time.Second)})
	}
}

// often is how many faults of a call a scenario has: those that only one protocol
// has need more to come as often.
func (p *planner) often(c call) int {
	switch {
	case c.key == kmsg.ConsumerGroupHeartbeat:
		return 6 + p.rnd.IntN(4)
	case !slices.ContainsFunc(p.calls(consumer.ProtocolConsumer), func(o call) bool { return o == c }):
		return 4 + p.rnd.IntN(3)
	default:
		return 3 + p.rnd.IntN(2)
	}
}

// codes takes the errors of a call in turn, so that each comes as often.
func (p *planner) codes() {
	byCall := map[call][]answer{}
	for _, r := range refusals() {
		byCall[r.call] = append(byCall[r.call], r)
	}
	for _, c := range p.calls(p.s.protocol) {
		as := byCall[c]
		from := p.rnd.IntN(len(as))
		for i := range p.often(c) {
			at := p.when()
			p.add(action{at: at, act: refuse, answer: as[(from+i)%len(as)], count: 1 + p.rnd.IntN(3)})
			p.goodbye(c, at)
		}
	}
}

func (p *planner) replies() {
	for _, c := range p.calls(p.s.protocol) {
		for range p.often(c) {
			at := p.when()
			p.add(action{at: at, act: unreplied, call: c, count: 1 + p.rnd.IntN(2)})
			p.goodbye(c, at)
		}
	}
}

// goodbye sees that somebody says it, after a fault that only a goodbye meets.
func (p *planner) goodbye(c call, at time.Duration) {
	if c.key != kmsg.LeaveGroup && !c.goodbye || p.rnd.IntN(3) > 0 {
		return
	}
	p.add(action{at: at + p.between(0, time.Second), act: leave, instance: p.fresh(at)})
}

// calls are those of a protocol.
func (p *planner) calls(protocol consumer.Protocol) []call {
	return slices.DeleteFunc(calls(), func(c call) bool {
		if protocol == consumer.ProtocolConsumer {
			return c.key == kmsg.JoinGroup || c.key == kmsg.SyncGroup || c.key == kmsg.Heartbeat || c.key == kmsg.LeaveGroup
		}
		return c.key == kmsg.ConsumerGroupHeartbeat
	})
}
