package proof

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/integration/checker"
	"github.com/weir-kafka/weir/integration/ledger"
)

// Result is what one seed showed.
type Result struct {
	Seed    uint64
	Plan    uint64           // identifies the faults and their times
	Faults  map[string]int64 // that were injected, by kind: the same in every run of the seed
	Answers map[string]int64 // of Faults those that refuse a request, by its name and the error
	Hits    map[string]int64 // what they did: answers and calls, by kind
	Report  *checker.Report
	History *ledger.History
	// Undecided says that the simulated group itself never became stable again, so
	// that nobody could make progress. The classic groups of kfake (2026-09-18) begin
	// the time of a rebalance anew with each member that joins again, and may go on
	// with that for good beside members that are gone.
	Undecided bool
}

// trial is one run.
type trial struct {
	s        scenario
	log      *ledger.Log
	sessions *ledger.Sessions
	wire     *wire
	cluster  *kfake.Cluster
	seeds    []string
	store    *store
	letters  *store
	writer   *writer
	mu       sync.Mutex
	members  map[int]*member
	faults   map[string]int64
	answers  map[string]int64
	refusals []installed
	down     map[int32]bool
	growing  sync.WaitGroup
	unstable bool // the group, when everything should have been done
}

// installed is a refusal that is in force.
type installed struct {
	action action
	handle *kfake.FaultHandle
}

// Run runs one seed. It must be called in a testing/synctest bubble, and returns
// an error only when the trial itself could not be held.
func Run(ctx context.Context, seed uint64) (*Result, error) {
	t := &trial{s: newScenario(seed), members: map[int]*member{}, faults: map[string]int64{}, answers: map[string]int64{}, down: map[int32]bool{}}
	t.log = ledger.NewLog(ledger.History{Ordered: t.s.ordered(), Progress: progressBound, Grace: t.s.grace()}, nil)
	t.sessions = ledger.NewSessions(t.log)
	t.wire = newWire(&t.s)
	t.store, t.letters = newStore(&t.s, false), newStore(&t.s, true)
	if err := t.open(ctx); err != nil {
		return nil, err
	}
	defer t.cluster.Close()
	defer t.writer.client.Close()
	plan := t.s.plan()
	err := t.run(ctx, plan)
	for _, m := range t.members { // whatever happened, nothing is left behind
		m.cancel()
		<-m.done
	}
	time.Sleep(10 * time.Second) // for a sink that is deaf
	if err != nil {
		return nil, err
	}
	h := t.log.History()
	r := &Result{
		Seed: seed, Plan: hash(plan), Faults: t.faults, Answers: t.answers, Hits: t.hits(), History: h, Undecided: t.unstable,
		Report: checker.Check(h, checker.Options{Unfenced: true}),
	}
	for _, m := range t.members {
		r.Report.Figures["partitions paused"] += m.Explain().Pauses
		r.Report.Figures["records retried"] += m.Explain().Totals.Retried
	}
	return r, nil
}

// open makes the cluster, and writes the first records.
func (t *trial) open(ctx context.Context) (err error) {
	var ports []int
	for n := range nodes {
		ports = append(ports, firstPort+n)
		t.seeds = append(t.seeds, "localhost:"+strconv.Itoa(firstPort+n))
	}
	t.cluster, err = kfake.NewCluster(kfake.NumBrokers(nodes), kfake.Ports(ports...), kfake.ListenFn(t.wire.Listen),
		kfake.SeedTopics(int32(t.s.partitions), topic), kfake.BrokerConfigs(map[string]string{ //nolint:gosec // few
			"group.consumer.heartbeat.interval.ms": "2000",
			"group.consumer.session.timeout.ms":    strconv.FormatInt(sessionTimeout.Milliseconds(), 10),
		}))
	if err != nil {
		return fmt.Errorf("proof: cluster: %w", err)
	}
	id := t.cluster.TopicInfo(topic).TopicID
	t.wire.commits = ledger.NewCommits(t.log, func(of [16]byte) string {
		if of != id {
			return "unknown"
		}
		return topic
	})
	t.cluster.ControlKey(int16(kmsg.OffsetCommit), func(req kmsg.Request) (kmsg.Response, error, bool) {
		t.cluster.KeepControl()
		t.wire.commits.Received(req.(*kmsg.OffsetCommitRequest))
		return nil, nil, false
	})
	if t.writer, err = newWriter(&t.s, t.log, kgo.SeedBrokers(t.seeds...), kgo.Dialer(t.wire.virtual.DialContext)); err != nil {
		t.cluster.Close()
		return err
	}
	if err = t.writer.before(ctx); err != nil {
		t.writer.client.Close()
		t.cluster.Close()
	}
	return err
}

// run starts the members, goes through the plan, and asks for the end.
func (t *trial) run(ctx context.Context, plan []action) error {
	for i := range t.s.members {
		if err := t.start(i + 1); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	written := make(chan error, 1)
	go func() { written <- t.writer.during(ctx) }()
	scraped := make(chan struct{})
	stop := make(chan struct{})
	go func() {
		defer close(scraped)
		t.scrapes(stop)
	}()
	defer func() { close(stop); <-scraped }()
	begun := time.Now()
	for _, a := range plan {
		time.Sleep(a.at - time.Since(begun))
		if err := t.do(ctx, a); err != nil {
			return err
		}
	}
	time.Sleep(t.s.lasts - time.Since(begun))
	if err := t.calm(); err != nil {
		return err
	}
	if err := <-written; err != nil {
		return err
	}
	t.growing.Wait()
	t.log.Add(ledger.Event{Kind: ledger.Calm})
	return t.finish()
}

// calm ends every fault, and sees that somebody is there.
func (t *trial) calm() error {
	for _, r := range t.refusals {
		r.handle.Remove()
		t.log.Add(ledger.Event{Kind: ledger.Clear, Note: r.action.String(), Scope: "group"})
	}
	t.wire.calm()
	t.store.behave(fine, 0)
	t.letters.behave(fine, 0)
	for n := range t.down {
		if err := t.up(n); err != nil {
			return err
		}
	}
	alive := 0
	for _, n := range slices.Sorted(maps.Keys(t.members)) {
		m := t.members[n]
		if m.link.heal() {
			t.log.Add(ledger.Event{Kind: ledger.Healed, Instance: n})
		}
		if m.alive() {
			alive++
		}
	}
	if alive == 0 {
		return t.start(slices.Max(slices.Collect(maps.Keys(t.members))) + 1)
	}
	return nil
}

// finish waits until everything is committed, and stops what still runs.
func (t *trial) finish() error {
	for end := time.Now().Add(finishBound); !t.committed(); time.Sleep(500 * time.Millisecond) {
		if time.Now().After(end) {
			g := t.cluster.GroupInfo(group)
			t.unstable = t.s.protocol == consumer.ProtocolClassic && g != nil && g.State == "PreparingRebalance"
			t.log.Add(ledger.Event{Kind: ledger.Clear, Note: "given up: " + t.standing()})
			return nil // the checker says what is stuck
		}
	}
	t.readings()
	time.Sleep(scrape)
	t.readings()
	for _, n := range slices.Sorted(maps.Keys(t.members)) {
		if m := t.members[n]; m.alive() {
			m.leave()
			<-m.done
		}
	}
	if t.committed() {
		t.log.Add(ledger.Event{Kind: ledger.Rest})
	}
	return nil
}

// running returns the members that are not dead, in order.
func (t *trial) running() (ms []*member) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range slices.Sorted(maps.Keys(t.members)) {
		if m := t.members[n]; !m.dead.Load() {
			ms = append(ms, m)
		}
	}
	return ms
}

// standing is what the group looks like from the brokers.
func (t *trial) standing() string {
	g := t.cluster.GroupInfo(group)
	if g == nil {
		return "there is no group"
	}
	s := fmt.Sprintf("the group is %s at %d", g.State, g.Epoch)
	for _, m := range g.Members {
		s += fmt.Sprintf(", %s of %s has %v", m.MemberID, m.ClientID, m.Assignment[topic])
	}
	return s
}

// committed reports whether the group is at the end of every partition.
func (t *trial) committed() bool {
	at := t.marks()
	for _, p := range t.cluster.PartitionInfos(topic) {
		if p.HighWatermark > 0 && at[p.Partition].Offset < p.HighWatermark {
			return false
		}
	}
	return true
}

func (t *trial) marks() map[int32]kfake.GroupCommit {
	if g := t.cluster.GroupInfo(group); g != nil {
		return g.Commits[topic]
	}
	return nil
}

// scrapes samples what each member exports, until stop.
func (t *trial) scrapes(stop <-chan struct{}) {
	tick := time.NewTicker(scrape)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-stop:
			return
		}
		for _, m := range t.running() {
			r := m.Explain()
			m.bound.Store(r.DuplicatesIfKilled)
			t.log.Add(ledger.Event{Kind: ledger.Sampled, Instance: m.n, Sample: &ledger.Sample{HeldBytes: r.Totals.MaxHeld, Budget: r.BudgetBytes}})
		}
	}
}

// readings notes what is exported of every partition, with the truth.
func (t *trial) readings() {
	at := t.marks()
	ends := t.cluster.PartitionInfos(topic)
	for _, m := range t.running() {
		if !m.alive() {
			continue
		}
		for _, p := range m.Explain().Partitions {
			c, ok := at[p.Partition]
			if !ok || int(p.Partition) >= len(ends) {
				continue
			}
			t.log.Add(ledger.Event{
				Kind: ledger.Read, Instance: m.n, Partition: ledger.Partition{Topic: p.Topic, Partition: p.Partition},
				Reading: &ledger.Reading{
					Lag: p.Lag, TrueLag: ends[p.Partition].HighWatermark - c.Offset, Committed: p.Committed, TrueCommitted: c.Offset,
					InFlight: p.HeldRecords, // all is committed
				},
			})
		}
	}
}

// grow adds partitions, as soon as the controller can be reached.
func (t *trial) grow(ctx context.Context, n int) {
	t.growing.Go(func() {
		for ctx.Err() == nil {
			if _, err := kadm.NewClient(t.writer.client).CreatePartitions(ctx, n, topic); err == nil {
				return
			}
			wait(ctx, time.Second)
		}
	})
}

func (t *trial) hits() map[string]int64 {
	hits := map[string]int64{}
	for _, r := range t.refusals {
		hits[r.action.name()] += int64(r.handle.Hits())
		hits[r.action.answer.name()] += int64(r.handle.Hits())
	}
	t.wire.mu.Lock()
	defer t.wire.mu.Unlock()
	for k, n := range t.wire.dropped {
		hits[string(unreplied)+": "+k.Name()] += n
	}
	for _, s := range []*store{t.store, t.letters} {
		for m, n := range s.calls {
			if m != fine {
				hits[action{act: behave, mode: m, letters: s.letters}.name()] += n
			}
		}
	}
	return hits
}
