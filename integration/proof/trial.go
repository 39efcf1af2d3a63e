package proof

import (
	"context"
	"errors"
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
	last     int  // the process that was begun last beyond those of the plan
	unstable bool // the group, when everything should have been done

	calmed     time.Time      // zero before; under mu
	background sync.WaitGroup // what the plan does not wait for
	failed     error          // the first of it; under mu
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
	t.log = ledger.NewLog(ledger.History{Ordered: t.s.ordered(), Progress: progressBound, Grace: t.s.grace(), Silence: t.s.session()}, nil)
	t.sessions = ledger.NewSessions(t.log)
	t.wire = newWire(&t.s)
	t.store, t.letters = newStore(&t.s, false), newStore(&t.s, true)
	if err := t.open(ctx); err != nil {
		return nil, err
	}
	defer t.cluster.Close()
	defer t.writer.client.Close()
	plan := t.s.plan()
	t.last = len(plan) + t.s.members
	err := t.run(ctx, plan)
	t.background.Wait()
	for _, m := range t.all() { // whatever happened, nothing is left behind
		m.cancel()
		<-m.gone
	}
	if err = errors.Join(err, t.failed); err != nil {
		return nil, err
	}
	h := t.log.History()
	r := &Result{
		Seed: seed, Plan: hash(plan), Faults: t.faults, Answers: t.answers, Hits: t.hits(), History: h, Undecided: t.unstable,
		Report: checker.Check(h, checker.Options{}),
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
			"group.max.session.timeout.ms":         strconv.Itoa(neverEnds),
			"group.consumer.session.timeout.ms":    strconv.FormatInt(t.s.session().Milliseconds(), 10),
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
	t.cluster.ControlKey(int16(kmsg.JoinGroup), func(req kmsg.Request) (kmsg.Response, error, bool) {
		t.cluster.KeepControl()
		req.(*kmsg.JoinGroupRequest).SessionTimeoutMillis = neverEnds // see expire
		return nil, nil, false
	})
	if t.writer, err = newWriter(&t.s, t.log, kgo.SeedBrokers(t.seeds...), kgo.Dialer(t.wire.virtual.DialContext)); err != nil {
		t.cluster.Close()
		return err
	}
	t.writer.ends = func() []*kfake.PartitionInfo { return t.cluster.PartitionInfos(topic) }
	if err = t.writer.before(ctx); err != nil {
		t.writer.client.Close()
		t.cluster.Close()
	}
	return err
}

// run starts the members, goes through the plan, and asks for the end.
func (t *trial) run(ctx context.Context, plan []action) error {
	for i := range t.s.members {
		if err := t.start(i+1, i+1); err != nil {
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
		t.scrapes(ctx, stop)
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
	t.background.Wait()
	if err := t.writer.after(ctx); err != nil {
		return err
	}
	if !slices.ContainsFunc(t.all(), (*member).alive) {
		if err := t.start(t.last+1, t.last+1); err != nil {
			return err
		}
	}
	t.mu.Lock()
	t.calmed = time.Now()
	t.mu.Unlock()
	t.log.Add(ledger.Event{Kind: ledger.Calm})
	t.finish()
	return nil
}

// calm ends every fault.
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
	for _, m := range t.all() {
		m.heal()
	}
	return nil
}

// finish waits until everything is committed, and stops what still runs.
func (t *trial) finish() {
	for end := time.Now().Add(finishBound); !t.committed(); time.Sleep(500 * time.Millisecond) {
		if time.Now().After(end) {
			g := t.cluster.GroupInfo(group)
			t.unstable = t.s.protocol == consumer.ProtocolClassic && g != nil && g.State == "PreparingRebalance"
			t.log.Add(ledger.Event{Kind: ledger.Clear, Note: "given up: " + t.standing(), Scope: ledger.ScopeSink})
			return // the checker says what is stuck
		}
	}
	time.Sleep(2*scrape + scrape/2) // for readings
	for _, m := range t.all() {
		if m.alive() {
			m.leave()
			<-m.done
		}
	}
	if t.committed() {
		t.log.Add(ledger.Event{Kind: ledger.Rest})
	}
}

// all returns the members in the order in which they were thought of.
func (t *trial) all() (ms []*member) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, n := range slices.Sorted(maps.Keys(t.members)) {
		ms = append(ms, t.members[n])
	}
	return ms
}

// current returns the process of a name that began last, nil for none.
func (t *trial) current(id int) (last *member) {
	for _, m := range t.all() {
		if m.id == id {
			last = m
		}
	}
	return last
}

// fail notes that something in the background could not be done.
func (t *trial) fail(err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.failed == nil {
		t.failed = err
	}
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
func (t *trial) committed() bool { return committed(t.marks(), t.cluster.PartitionInfos(topic)) }

func committed(at map[int32]kfake.GroupCommit, ends []*kfake.PartitionInfo) bool {
	for _, p := range ends {
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

// grow adds partitions, as soon as the controller can be reached.
func (t *trial) grow(ctx context.Context, n int) {
	t.background.Go(func() {
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
		hits[action{act: unreplied, call: k}.name()] += n
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
