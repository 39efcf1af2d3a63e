package proof

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/weir-kafka/weir/consumer"
)

const (
	topic = "in"
	group = "group"
	nodes = 3

	// sessionTimeout is that of a classic group, which its members decide, and
	// brokerSession that of a KIP-848 group, which the brokers do: the engine takes none
	// for shorter than this.
	sessionTimeout   = 8 * time.Second
	brokerSession    = 15 * time.Second
	rebalanceTimeout = 16 * time.Second
	drainTime        = 8 * time.Second
	scrape           = time.Second
	// progressBound is how long after the calm a partition may stand still: a retry
	// waits for 10 s at most, one message at fault without company is suspected
	// after 30 s, and it has five attempts of that.
	progressBound = 4 * time.Minute
	// finishBound is for everything to be done after the calm.
	finishBound = 40 * time.Minute
)

// fault families, of which each seed has some.
type family string

const (
	members  family = "members"  // join, leave, are killed
	statics  family = "statics"  // members have instance ids, and restart within their session
	network  family = "network"  // members are cut off, connections end
	frost    family = "frost"    // the network of members stands still both ways
	clocks   family = "clocks"   // the clocks of members jump
	brokers  family = "brokers"  // leave and return, stall
	leaders  family = "leaders"  // leaders and coordinators move
	codes    family = "codes"    // requests are answered with errors
	replies  family = "replies"  // requests are applied and not answered
	latency  family = "latency"  // answers take time
	sinks    family = "sinks"    // the sink misbehaves
	letters  family = "letters"  // the dead-letter sink misbehaves
	growth   family = "growth"   // the topic gets more partitions
	handling family = "handling" // handlers are slow and fail
	shortage family = "shortage" // large records for a small budget
)

func families() []family {
	return []family{members, statics, network, frost, clocks, brokers, leaders, codes, replies, latency, sinks, letters, growth, handling, shortage}
}

// quiet are the families that do not reach the group.
func quiet() []family { return []family{sinks, letters, handling, shortage, clocks} }

// scenario is what a seed decides before anything runs.
type scenario struct {
	seed       uint64
	order      consumer.Order
	protocol   consumer.Protocol
	partitions int
	members    int
	records    int
	values     int // bytes of a value at most
	memory     consumer.Bytes
	batch      int           // the sink's limit, 0 for none
	poison     int           // of 1,000 records
	takes      int           // milliseconds of a call to the sink at most
	answers    time.Duration // of an answer of a broker at least
	lasts      time.Duration
	families   map[family]bool
}

func newScenario(seed uint64) scenario {
	rnd := rand.New(rand.NewPCG(seed, 1)) //nolint:gosec // a seed is to give the same again
	s := scenario{
		seed: seed, order: consumer.OrderKey, protocol: consumer.ProtocolClassic, partitions: 2 + rnd.IntN(5), members: 1 + rnd.IntN(3),
		records: 300 + rnd.IntN(700), values: 100, memory: 256 << 20, poison: rnd.IntN(2) * rnd.IntN(30),
		lasts: time.Duration(20+rnd.IntN(25)) * time.Second, families: map[family]bool{},
	}
	s.takes = [...]int{8, 80, 800}[rnd.IntN(3)]
	s.answers = time.Duration(1+rnd.IntN(5)) * time.Millisecond
	if rnd.IntN(10) < 3 {
		s.order, s.records = consumer.OrderPartition, 150+rnd.IntN(250)
	}
	if rnd.IntN(10) < 4 {
		s.protocol = consumer.ProtocolConsumer
	}
	if rnd.IntN(2) == 0 {
		s.batch = 1 + rnd.IntN(60)
	}
	from := families()
	if rnd.IntN(6) == 0 { // nothing that reaches the group
		from = quiet()
	}
	for n := 4 + rnd.IntN(4); n > 0; n-- {
		s.families[from[rnd.IntN(len(from))]] = true
	}
	if s.families[statics] {
		s.members = max(s.members, 2)
	}
	if s.families[shortage] {
		s.memory, s.values, s.records = 16<<20, 40<<10, min(s.records, 400)
	}
	return s
}

// session is the session timeout of the group.
func (s *scenario) session() time.Duration {
	if s.protocol == consumer.ProtocolConsumer {
		return brokerSession
	}
	return sessionTimeout
}

// grace is how long after its end a fault may still end sessions. The client may
// wait for long after a refusal; where nothing reaches the group, only the first
// members have to come together.
func (s *scenario) grace() time.Duration {
	for f := range s.families {
		if !slices.Contains(quiet(), f) {
			return 5 * time.Minute
		}
	}
	return 12 * time.Second
}

// large reports whether a fetch is cut by its size. Then the brokers of kfake
// (2026-09-18) leave out which transactions were aborted, so there are none.
func (s *scenario) large() bool { return s.families[shortage] }

// ordered is the order in the checker's words.
func (s *scenario) ordered() string { return string(s.order) }
