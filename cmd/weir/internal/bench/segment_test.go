package bench

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/sink"
)

// simulated starts a cluster with the topic orders.
func simulated(t *testing.T) *cluster {
	t.Helper()
	k, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(2, "orders"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(k.Close)
	cfg := consumer.DefaultConfig().Kafka
	cfg.Brokers, cfg.Group, cfg.Topics = k.ListenAddrs(), "g", []string{"orders"}
	cl, err := kgo.NewClient(kgo.SeedBrokers(cfg.Brokers...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return &cluster{adm: kadm.NewClient(cl), kafka: cfg, group: "weir-bench-test", wait: 20 * time.Second}
}

// transactions produces so many records in each, to both partitions; every third is aborted.
func transactions(t *testing.T, c *cluster, n, each int) {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(c.kafka.Brokers...), kgo.TransactionalID("orders"), kgo.RecordPartitioner(kgo.ManualPartitioner()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	for i := range n {
		if err := cl.BeginTransaction(); err != nil {
			t.Fatal(err)
		}
		for k := range each {
			cl.Produce(t.Context(), &kgo.Record{Topic: "orders", Partition: int32(k % 2), Value: fmt.Appendf(nil, "%d/%d", i, k)}, nil)
		}
		if err := cl.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := cl.EndTransaction(t.Context(), kgo.TransactionEndTry(i%3 != 2)); err != nil {
			t.Fatal(err)
		}
	}
}

// find returns a window of orders.
func find(t *testing.T, c *cluster, from string, most int64) *window {
	t.Helper()
	spans, err := c.spans(t.Context(), []string{"orders"}, from)
	if err != nil {
		t.Fatal(err)
	}
	w, _, err := (&scan{cluster: c, spans: spans, newest: from == fromLatest, within: time.Minute}).find(t.Context(), most)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestAWindowHasWhatIsVisible(t *testing.T) {
	t.Parallel()
	c := simulated(t)
	transactions(t, c, 6, 100) // 400 visible records, and the last that is visible is not the last there is
	for name, tt := range map[string]struct {
		from   string
		most   int64
		want   int64
		whole  bool
		begins bool
	}{
		"all":       {fromEarliest, 1000, 400, true, true},
		"some":      {fromEarliest, 101, 101, false, true},
		"newest":    {fromLatest, 204, 100, false, false}, // 102 offsets of each: two transactions, one aborted, and their markers
		"since":     {"1h", 1000, 400, true, true},
		"one alone": {fromEarliest, 1, 1, false, true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := find(t, c, tt.from, tt.most)
			if w.records != tt.want || w.whole != tt.whole || (w.shares[0].from == 0) != tt.begins {
				t.Errorf("got %d records, whole %v, from %d; want %d, %v, from 0: %v", w.records, w.whole, w.shares[0].from, tt.want, tt.whole, tt.begins)
			}
		})
	}
}

// Over aborted transactions, markers, and records behind the window.
func TestBothSidesGoOverTheWindow(t *testing.T) {
	t.Parallel()
	c := simulated(t)
	transactions(t, c, 6, 100)
	w := find(t, c, fromEarliest, 250)
	if w.records != 250 {
		t.Fatalf("got a window of %d records, want 250", w.records)
	}
	var mu sync.Mutex
	var seen []string
	live := consumer.Pipeline{
		Handler: handlers.Func(func(_ context.Context, rec *handlers.Record, emit handlers.Emit) error {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, fmt.Sprintf("%d/%d", rec.Partition, rec.Offset))
			emit(rec.Message())
			return nil
		}),
		Sink: consumer.Output{Sink: discarded{}, SinkConfig: consumer.DefaultSinkConfig()},
	}
	cfg := consumer.DefaultConfig()
	cfg.Kafka = c.kafka
	cfg.Kafka.Group, cfg.Drain = c.group, time.Second
	var before []string
	for _, warm := range []int64{0, 50} {
		s := setup{cluster: c, window: w, size: firstSize(), warm: warm}
		loop := &raw{setup: s}
		got, _, err := loop.run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if loop.count != 250 || got.records > 250-warm || got.records < 1 {
			t.Errorf("warm %d: the raw loop saw %d records and measured %d; want 250, and no more than %d", warm, loop.count, got.records, 250-warm)
		}
		seen = nil
		p := &piped{setup: s, cfg: cfg, live: live, bin: &bin{}, discards: true}
		got, _, cut, err := p.run(t.Context())
		if err != nil || cut {
			t.Fatal(cut, err)
		}
		slices.Sort(seen)
		if len(seen) != 250 || warm == 0 && got.records != 250 || got.records < 1 || got.records > 250 {
			t.Errorf("warm %d: the handler saw %d records and %d were measured; want 250, and what was not done when %d were handled", warm, len(seen), got.records, warm)
		}
		if before != nil && !slices.Equal(before, seen) {
			t.Errorf("the second time the records are others:\n%v\n%v", before, seen)
		}
		before = seen
	}
	if err := c.remove(t.Context()); err != nil {
		t.Error(err)
	}
	groups, err := c.adm.ListGroups(t.Context())
	if err != nil || len(groups) > 0 {
		t.Errorf("got the groups %v (%v), want none", groups.Groups(), err)
	}
}

// What was done before the mark is not measured, and only the first mark counts.
func TestTheMeasuredPartBeginsWithTheFirstMark(t *testing.T) {
	t.Parallel()
	s := &start{}
	s.OnBrokerWrite(kgo.BrokerMetadata{}, 3, 10, 0, 0, nil) // metadata
	s.mark(30)
	at := s.at
	s.mark(60)
	s.OnBrokerWrite(kgo.BrokerMetadata{}, fetchKey, 10, 0, 0, nil)
	end := at
	end.at, end.cpu, end.allocs, end.bytes = at.at.Add(2*time.Second), at.cpu+440*time.Microsecond, at.allocs+110, at.bytes+2200
	got := s.until(end, 250)
	if got.records != 220 || got.perSecond() != 110 || got.cpuEach() != 2000 || got.allocsEach() != 0.5 || got.bytesEach() != 10 {
		t.Errorf("got %+v, want 220 records, 110 a second, 2 us, half an allocation and 10 bytes each", got)
	}
	first := &start{}
	first.OnBrokerWrite(kgo.BrokerMetadata{}, fetchKey, 10, 0, 0, nil)
	if got := first.until(look(), 250); !first.marked || got.records != 250 {
		t.Errorf("from the first fetch on %d records are measured, want all 250", got.records)
	}
}

// A window that comes with a few fetches has no warm-up, or nearly all would be before it.
func TestOnlyWhatIsLargeWarmsUp(t *testing.T) {
	t.Parallel()
	size := fetchSize{1000, 100}
	for bytes, want := range map[int64]int64{0: 0, 8000: 0, 8001: 200} {
		if got := newSetup(nil, &window{records: 1000, bytes: bytes}, size).warm; got != want {
			t.Errorf("%d bytes: got %d records to warm up, want %d", bytes, got, want)
		}
	}
}

func TestDeadLettersAreCountedAndForgotten(t *testing.T) {
	t.Parallel()
	b := &bin{}
	letter := func(offset int64) sink.Message {
		return sink.Message{Source: sink.Position{Topic: "orders", Partition: 1, Offset: offset}, Headers: []sink.Header{
			{Key: consumer.HeaderStep, Value: []byte("handler")}, {Key: consumer.HeaderError, Value: []byte("not JSON")}}}
	}
	if err := b.Write(t.Context(), []sink.Message{letter(5), letter(6)}); err != nil {
		t.Fatal(err)
	}
	n, first := b.count()
	if want := "orders/1/5, by the handler: not JSON"; n != 2 || first != want {
		t.Errorf("got %d, %q; want 2, %q", n, first, want)
	}
	b.empty()
	if n, again := b.count(); n != 0 || again != first {
		t.Errorf("got %d, %q; want none, and why the first came", n, again)
	}
}
