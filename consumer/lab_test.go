//go:build synctests

package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/sink"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const (
	group = "group"
	topic = "in"
)

// lab is a broker, a ledger of effects and a tap on commits, in virtual time.
type lab struct {
	*testing.T
	net     kfake.VirtualNetwork
	cluster *kfake.Cluster
	client  *kgo.Client
	ledger  *ledger
	members []*member

	mu      sync.Mutex
	commits []commitSeen
}

// commitSeen is one partition of a commit as the broker received it.
type commitSeen struct {
	topic     string
	partition int32
	offset    int64
	metadata  string
	member    string
}

// inLab runs f in a bubble with a broker whose topic has the given partitions.
func inLab(t *testing.T, partitions int32, f func(l *lab), opts ...kfake.Opt) {
	t.Helper()
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { inBubble(t, partitions, f, opts...) })
}

// inBubble is inLab in a bubble that is there.
func inBubble(t *testing.T, partitions int32, f func(l *lab), opts ...kfake.Opt) {
	t.Helper()
	l := &lab{T: t, ledger: newLedger()}
	opts = append([]kfake.Opt{
		kfake.NumBrokers(1), kfake.Ports(19092), kfake.ListenFn(l.net.Listen), kfake.SeedTopics(partitions, topic),
		kfake.BrokerConfigs(map[string]string{"message.max.bytes": "4194304"}),
	}, opts...)
	var err error
	if l.cluster, err = kfake.NewCluster(opts...); err != nil {
		t.Fatal(err)
	}
	defer l.cluster.Close()
	l.cluster.ControlKey(int16(kmsg.OffsetCommit), l.tap)
	l.client = l.newClient()
	defer l.client.Close()
	defer func() {
		for _, m := range l.members {
			_ = m.end()
		}
	}()
	f(l)
}

func (l *lab) newClient(opts ...kgo.Opt) *kgo.Client {
	l.Helper()
	cl, err := kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(l.cluster.ListenAddrs()...), kgo.Dialer(l.net.DialContext), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0), kgo.ProducerBatchMaxBytes(4 << 20), kgo.DisableClientMetrics(),
	}, opts...)...)
	if err != nil {
		l.Fatal(err)
	}
	return cl
}

// tap notes commits before the broker acts on them.
func (l *lab) tap(req kmsg.Request) (kmsg.Response, error, bool) {
	l.cluster.KeepControl()
	r := req.(*kmsg.OffsetCommitRequest)
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range r.Topics {
		for _, p := range t.Partitions {
			c := commitSeen{topic: t.Topic, partition: p.Partition, offset: p.Offset, member: r.MemberID}
			if p.Metadata != nil {
				c.metadata = *p.Metadata
			}
			l.commits = append(l.commits, c)
		}
	}
	return nil, nil, false
}

func (l *lab) seenCommits() []commitSeen {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.commits)
}

// produce writes n records per partition with keys k0..k(keys-1) and the values
// 0..n-1, in order.
func (l *lab) produce(partitions, n, keys int) {
	l.Helper()
	var recs []*kgo.Record
	for p := range partitions {
		for i := range n {
			recs = append(recs, &kgo.Record{
				Topic: topic, Partition: int32(p), Key: []byte("k" + strconv.Itoa(i%keys)), Value: []byte(strconv.Itoa(i)),
			})
		}
	}
	l.write(recs...)
}

func (l *lab) write(recs ...*kgo.Record) {
	l.Helper()
	if err := l.client.ProduceSync(l.Context(), recs...).FirstErr(); err != nil {
		l.Fatal(err)
	}
}

// committed returns the group's committed offset of a partition, -1 for none.
func (l *lab) committed(partition int32) int64 {
	l.Helper()
	os, err := kadm.NewClient(l.client).FetchOffsets(l.Context(), group)
	if err != nil {
		return -1 // no such group yet
	}
	o, ok := os.Lookup(topic, partition)
	if !ok {
		return -1
	}
	return o.At
}

func (l *lab) config() consumer.Config {
	cfg := consumer.DefaultConfig()
	cfg.Kafka.Brokers = l.cluster.ListenAddrs()
	cfg.Kafka.Group = group
	cfg.Kafka.Topics = []string{topic}
	return cfg
}

// expel has the next heartbeat answered that the group does not know its member, and
// waits for that.
func (l *lab) expel() {
	l.Helper()
	fault := l.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{kmsg.Heartbeat}, Err: kerr.UnknownMemberID, Count: 1})
	if err := fault.Wait(l.Context(), 1); err != nil {
		l.Fatal(err)
	}
}

// member is a running consumer.
type member struct {
	*consumer.Consumer
	lab  *lab
	stop context.CancelFunc
	done chan error
	err  error
	once sync.Once
}

func (l *lab) run(cfg consumer.Config, p consumer.Pipeline, opts ...consumer.Option) *member {
	l.Helper()
	opts = append([]consumer.Option{consumer.WithClientOptions(kgo.Dialer(l.net.DialContext), kgo.DisableClientMetrics())}, opts...)
	if os.Getenv("WEIR_LOG") != "" {
		opts = append(opts, consumer.WithLogger(slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelDebug}))))
	}
	c, err := consumer.New(cfg, p, opts...)
	if err != nil {
		l.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	m := &member{Consumer: c, lab: l, stop: cancel, done: make(chan error, 1)}
	go func() { m.done <- c.Run(ctx) }()
	l.members = append(l.members, m)
	return m
}

// end stops the member gracefully and returns Run's error.
func (m *member) end() error {
	m.once.Do(func() {
		m.stop()
		m.err = <-m.done
	})
	return m.err
}

// mustEnd is end where an error is a failure.
func (m *member) mustEnd() {
	m.lab.Helper()
	if err := m.end(); err != nil {
		m.lab.Errorf("Run: %v", err)
	}
}

// until waits in virtual time for cond, and fails after limit.
func (l *lab) until(limit time.Duration, what string, cond func() bool) {
	l.Helper()
	for end := time.Now().Add(limit); !cond(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			l.Fatalf("not within %s: %s", limit, what)
		}
	}
}

// effect is one message that a sink took.
type effect struct {
	partition int32
	offset    int64
	key       string
	at        time.Time
}

// ledger is a sink that remembers, and tells what went wrong.
type ledger struct {
	mu        sync.Mutex
	effects   []effect
	seen      map[string]int   // position -> times
	last      map[string]int64 // partition/key -> highest offset
	wrong     []string
	unordered bool
	before    func(ctx context.Context, batch []sink.Message) error
}

func newLedger() *ledger {
	return &ledger{seen: map[string]int{}, last: map[string]int64{}}
}

func (g *ledger) Write(ctx context.Context, batch []sink.Message) error {
	if g.before != nil {
		if err := g.before(ctx, batch); err != nil {
			return err
		}
	}
	for _, m := range batch {
		g.take(m)
	}
	return nil
}

// take notes that m has its effect.
func (g *ledger) take(m sink.Message) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.effects = append(g.effects, effect{m.Source.Partition, m.Source.Offset, string(m.Key), time.Now()})
	g.seen[m.Source.String()]++
	k := fmt.Sprintf("%d/%s", m.Source.Partition, m.Key)
	if last, ok := g.last[k]; ok && !g.unordered && m.Source.Offset <= last && g.seen[m.Source.String()] == 1 {
		g.wrong = append(g.wrong, fmt.Sprintf("key %s: offset %d after %d", k, m.Source.Offset, last))
	}
	g.last[k] = max(g.last[k], m.Source.Offset)
}

// forget begins a new page.
func (g *ledger) forget() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.effects, g.seen, g.last = nil, map[string]int{}, map[string]int64{}
}

func (g *ledger) distinct() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.seen)
}

func (g *ledger) duplicates() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.effects) - len(g.seen)
}

func (g *ledger) violations() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.wrong)
}

func (g *ledger) has(partition int32, offset int64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.seen[sink.Position{Topic: topic, Partition: partition, Offset: offset}.String()] > 0
}

// to makes a pipeline of a handler and the ledger.
func (l *lab) to(h handlers.Handler) consumer.Pipeline {
	return consumer.Pipeline{Handler: h, Sink: consumer.Output{Sink: l.ledger}}
}

// settled checks the end of a clean run: everything once, in order, committed.
func (l *lab) settled(partitions, n int) {
	l.Helper()
	if got, want := l.ledger.distinct(), partitions*n; got != want {
		l.Errorf("delivered %d records, want %d", got, want)
	}
	if got := l.ledger.duplicates(); got != 0 {
		l.Errorf("%d duplicates, want 0", got)
	}
	for _, v := range l.ledger.violations() {
		l.Errorf("order: %s", v)
	}
	for p := range partitions {
		if got, want := l.committed(int32(p)), int64(n); got != want {
			l.Errorf("partition %d committed at %d, want %d", p, got, want)
		}
	}
}

var errSink = errors.New("sink says no")
