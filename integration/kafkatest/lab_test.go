package kafkatest_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/integration/kafkatest"
)

// Topics and groups are a test's own, so tests of one node are run beside each other
// on one cluster. Those that break nodes have a cluster of three to themselves.
var (
	oneNode    = newPool(1, 4)
	busyNode   = newPool(1, 1) // for one test that takes all that there is
	threeNodes = newPool(2, 1, kafkatest.WithNodes(3))
	opened     clusters
)

type clusters struct {
	mu  sync.Mutex
	all []*kafkatest.Cluster
}

func (o *clusters) open(opts []kafkatest.Option) (*kafkatest.Cluster, error) {
	c, err := kafkatest.Open(context.Background(), opts...)
	if err == nil {
		o.mu.Lock()
		defer o.mu.Unlock()
		o.all = append(o.all, c)
	}
	return c, err
}

// pool has a place for each test that may run now. A place opens its cluster when it
// is taken for the first time.
type pool chan func() (*kafkatest.Cluster, error)

func newPool(size, tests int, opts ...kafkatest.Option) pool {
	p := make(pool, size*tests)
	for range size {
		open := sync.OnceValues(func() (*kafkatest.Cluster, error) { return opened.open(opts) })
		for range tests {
			p <- open
		}
	}
	return p
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, c := range opened.all {
		c.Close()
	}
	if bin, _ := weir(); bin != "" {
		_ = os.RemoveAll(filepath.Dir(bin))
	}
	os.Exit(code)
}

// shared returns a cluster that is whole, for the time of the test.
func shared(t *testing.T, p pool) *kafkatest.Cluster {
	t.Helper()
	open := <-p
	t.Cleanup(func() { p <- open })
	c, err := open()
	if errors.Is(err, kafkatest.ErrNoEngine) && os.Getenv("WEIR_CONTAINERS") != "must" {
		t.Skipf("LEFT OUT: %v", err)
	}
	must(t, err)
	must(t, c.Heal(t.Context()))
	return c
}

// lab is a topic with its producer, and the members of a group with their ledger.
type lab struct {
	*testing.T
	c       *kafkatest.Cluster
	topic   string
	group   string
	parts   int
	ledger  *ledger
	log     *logbook
	members []*member

	client  *kgo.Client
	padding []byte // a header of every record
	mu      sync.Mutex
	keys    int
	prefix  string // of the keys
	sent    int
	base    int // sent before the keys were changed
}

const keysInAll = 200

func newLab(t *testing.T, c *kafkatest.Cluster, partitions int) *lab {
	t.Helper()
	return newLabWith(t, c, partitions, nil)
}

// newLabWith is newLab with configs of the topic.
func newLabWith(t *testing.T, c *kafkatest.Cluster, partitions int, configs map[string]string) *lab {
	t.Helper()
	name := fmt.Sprintf("t%08x", rand.Uint32())
	l := &lab{T: t, c: c, topic: name, group: "g" + name, parts: partitions, ledger: newLedger(), log: &logbook{}, keys: keysInAll, prefix: "k"}
	must(t, c.CreateTopic(t.Context(), l.topic, int32(partitions), pointers(configs)))
	l.client = c.Client(t, kgo.ProducerLinger(0), kgo.ProducerBatchMaxBytes(8<<20))
	t.Cleanup(func() {
		var all sync.WaitGroup
		for _, m := range l.members {
			all.Go(func() { _ = m.end() })
		}
		all.Wait()
		if t.Failed() {
			t.Log(l.log)
		}
	})
	return l
}

func pointers(m map[string]string) map[string]*string {
	p := map[string]*string{}
	for k, v := range m {
		p[k] = &v
	}
	return p
}

// produce writes n records, the numbers of every key in order.
func (l *lab) produce(n int) {
	if err := l.tryProduce(n); err != nil {
		l.Error(err)
	}
}

func (l *lab) tryProduce(n int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	for n > 0 {
		recs := make([]*kgo.Record, min(n, 5000))
		for i := range recs {
			at := l.sent - l.base + i
			recs[i] = &kgo.Record{Headers: l.headers(), Topic: l.topic, Key: []byte(l.prefix + strconv.Itoa(at%l.keys)), Value: strconv.AppendInt(nil, int64(at/l.keys), 10)}
		}
		if err := l.client.ProduceSync(l.Context(), recs...).FirstErr(); err != nil {
			return fmt.Errorf("produce: %w", err)
		}
		l.sent += len(recs)
		n -= len(recs)
	}
	return nil
}

// rekey begins with other keys.
func (l *lab) rekey(prefix string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.prefix, l.base = prefix, l.sent
}

func (l *lab) headers() []kgo.RecordHeader {
	if l.padding == nil {
		return nil
	}
	return []kgo.RecordHeader{{Key: "padding", Value: l.padding}}
}

func (l *lab) produced() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sent
}

// flow produces n records every tenth of a second until the returned func is called.
func (l *lab) flow(n int) (stop func()) {
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		t := time.NewTicker(100 * time.Millisecond)
		defer t.Stop()
		for {
			select {
			case <-t.C:
				l.produce(n)
			case <-done:
				return
			}
		}
	}()
	var once sync.Once
	stop = func() { once.Do(func() { close(done); <-ended }) }
	l.Cleanup(stop)
	return stop
}

// config has short sessions, because a test waits for them.
func (l *lab) config(protocol consumer.Protocol) consumer.Config {
	cfg := consumer.DefaultConfig()
	cfg.Kafka.Brokers, cfg.Kafka.Group, cfg.Kafka.Topics = l.c.Addrs(), l.group, []string{l.topic}
	cfg.Kafka.Protocol = protocol
	cfg.Kafka.SessionTimeout = 6 * time.Second
	cfg.Memory = 64 << 20
	return cfg
}

// to makes a pipeline into the ledger.
func (l *lab) to(h handlers.Handler) consumer.Pipeline {
	return consumer.Pipeline{Handler: h, Sink: consumer.Output{Sink: l.ledger}}
}

// member is a running consumer whose network and sink can be cut off.
type member struct {
	*consumer.Consumer
	lab  *lab
	net  *cutter
	stop context.CancelFunc
	done chan error
	once sync.Once
	err  error
}

func (l *lab) run(cfg consumer.Config, p consumer.Pipeline, opts ...consumer.Option) *member {
	l.Helper()
	m := &member{lab: l, net: &cutter{}, done: make(chan error, 1)}
	p.Sink.Sink = cutSink{m.net, p.Sink.Sink}
	opts = append([]consumer.Option{consumer.WithLogger(l.log.logger(len(l.members)))}, opts...)
	if cfg.Kafka.TLS == nil {
		opts = append(opts, consumer.WithClientOptions(kgo.Dialer(m.net.dial)))
	}
	var err error
	if m.Consumer, err = consumer.New(cfg, p, opts...); err != nil {
		l.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	m.stop = cancel
	go func() {
		err := m.Run(ctx)
		if err != nil && !m.net.isCut() {
			l.Errorf("Run: %v", err)
		}
		m.done <- err
	}()
	l.members = append(l.members, m)
	return m
}

// end stops the member in good order.
func (m *member) end() error {
	m.once.Do(func() {
		m.stop()
		m.err = <-m.done
	})
	return m.err
}

// kill is what a kill -9 is to all others: nothing reaches the broker or the sink any
// more. It returns how many duplicates the member said this may cause.
func (m *member) kill() (allowed int) {
	allowed = int(m.Explain().DuplicatesIfKilled)
	m.net.cut(true)
	m.stop()
	return allowed
}

// until waits for cond, and fails after limit.
func (l *lab) until(limit time.Duration, what string, cond func() bool) {
	l.Helper()
	for end := time.Now().Add(limit); !cond(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			l.Fatalf("not within %s: %s; %d of %d delivered", limit, what, l.ledger.distinct(), l.produced())
		}
	}
}

// delivered waits until everything that was produced has had its effect.
func (l *lab) delivered(limit time.Duration) {
	l.Helper()
	start := time.Now()
	l.until(limit, "everything delivered", func() bool { return l.ledger.distinct() >= l.produced() })
	l.Logf("%d records delivered, the last %.1fs after they were all produced; %d duplicates", l.produced(), time.Since(start).Seconds(), l.ledger.duplicates())
}

// settled ends the members and checks what is at rest: all of it, in order,
// committed, at most so many duplicates, and no commit that went back.
func (l *lab) settled(allowed int) {
	l.Helper()
	l.atRest(allowed)
	for _, back := range l.regressions() {
		l.Error(back)
	}
}

// atRest is settled where the log was rewritten, so that commits may go back.
func (l *lab) atRest(allowed int) {
	l.Helper()
	var all sync.WaitGroup
	for _, m := range l.members {
		all.Go(func() { _ = m.end() })
	}
	all.Wait()
	if got, want := l.ledger.distinct(), l.produced(); got != want {
		l.Errorf("%d records had their effect, want %d", got, want)
	}
	if got := l.ledger.duplicates(); got > allowed {
		l.Errorf("%d duplicates, want at most %d", got, allowed)
	}
	for _, v := range l.ledger.violations() {
		l.Error(v)
	}
	l.committedAll()
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
