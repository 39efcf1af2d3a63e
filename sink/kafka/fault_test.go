package kafka_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
	"go.uber.org/goleak"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/sink"
	"github.com/weir-kafka/weir/sink/kafka"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func newCluster(t *testing.T, partitions int32) *kfake.Cluster {
	t.Helper()
	cluster := kfake.MustCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, topic))
	t.Cleanup(cluster.Close)
	return cluster
}

func open(t *testing.T, cluster *kfake.Cluster) *kafka.Sink {
	t.Helper()
	s, err := kafka.New(kafka.Config{Brokers: cluster.ListenAddrs(), Topic: topic})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func admin(t *testing.T, cluster *kfake.Cluster) *kadm.Client {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(cl.Close)
	return kadm.NewClient(cl)
}

func limit(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

func message(key, value string) sink.Message {
	return sink.Message{Key: []byte(key), Value: []byte(value)}
}

// noise is a value that does not compress.
func noise(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	return string(b)
}

func failures(err error) map[int]error {
	m := make(map[int]error)
	if be, ok := sink.AsBatchError(err); ok {
		for _, f := range be.Failed() {
			m[f.Index] = f.Err
		}
	}
	return m
}

func TestARecordThatIsTooLargeTakesNoOtherWithIt(t *testing.T) {
	cluster := newCluster(t, 1)
	most := "3000"
	if _, err := admin(t, cluster).AlterTopicConfigs(t.Context(), []kadm.AlterConfig{{Name: "max.message.bytes", Value: &most}}, topic); err != nil {
		t.Fatal(err)
	}
	s := open(t, cluster)
	poison := noise(5000)
	var all sync.WaitGroup
	for w := range 6 {
		all.Go(func() {
			var batch []sink.Message
			for i := range 20 {
				batch = append(batch, message(fmt.Sprintf("%d-%d", w, i%4), fmt.Sprintf("%d/%d/%s", w, i, noise(400))))
			}
			if w == 0 {
				batch[6].Value = []byte(poison) // behind it in its key: 10, 14 and 18
			}
			failed := failures(s.Write(limit(t), batch))
			if w != 0 {
				if len(failed) != 0 {
					t.Errorf("write %d lost %v", w, failed)
				}
				return
			}
			if len(failed) != 4 || flow.Classify(failed[6]) != flow.Reject || !errors.Is(failed[6], kerr.MessageTooLarge) {
				t.Errorf("failed are %v, want 6 and what follows it", failed)
			}
			for _, i := range []int{10, 14, 18} {
				if !errors.Is(failed[i], sink.ErrBehindFailed) {
					t.Errorf("message %d: %v, want it held back", i, failed[i])
				}
			}
		})
	}
	all.Wait()
	seen := make(map[string]int)
	last := make(map[string]int)
	for _, v := range read(t, cluster) {
		var w, i int
		if _, err := fmt.Sscanf(v, "%d/%d/", &w, &i); err != nil {
			t.Fatal(err)
		}
		seen[fmt.Sprint(w, i)]++
		if key := fmt.Sprint(w, i%4); i < last[key] {
			t.Errorf("%d/%d arrived behind %d", w, i, last[key])
		} else {
			last[key] = i
		}
	}
	for w := range 6 {
		for i := range 20 {
			want := 1
			if w == 0 && (i == 6 || i == 10 || i == 14 || i == 18) {
				want = 0
			}
			if got := seen[fmt.Sprint(w, i)]; got != want {
				t.Errorf("%d/%d arrived %d times, want %d", w, i, got, want)
			}
		}
	}
}

func TestARecordLargerThanARecordBatchHoldsBackItsKey(t *testing.T) {
	cluster := newCluster(t, 1)
	err := open(t, cluster).Write(limit(t), []sink.Message{
		message("a", "1"), message("a", strings.Repeat("x", 1_100_000)), message("a", "3"), message("b", "4"),
	})
	failed := failures(err)
	if len(failed) != 2 || flow.Classify(failed[1]) != flow.Reject || !errors.Is(failed[2], sink.ErrBehindFailed) {
		t.Errorf("failed are %v, want 1 rejected and 2 held back", failed)
	}
	if got, want := read(t, cluster), []string{"1", "4"}; !slices.Equal(got, want) {
		t.Errorf("arrived %q, want %q", got, want)
	}
}

func TestAnInvalidRecordIsRejectedOnlyWhenItWasRefusedAlone(t *testing.T) {
	cluster := newCluster(t, 1)
	cluster.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		r := req.(*kmsg.ProduceRequest)
		if !strings.Contains(string(r.Topics[0].Partitions[0].Records), "poison") {
			return nil, nil, false
		}
		return answer(r, kerr.InvalidRecord), nil, true
	})
	s, err := kafka.New(kafka.Config{Brokers: cluster.ListenAddrs(), Topic: topic, Options: []kgo.Opt{kgo.ProducerBatchCompression(kgo.NoCompression())}})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	var batch []sink.Message
	for i := range 9 {
		batch = append(batch, message("k"+fmt.Sprint(i%3), fmt.Sprint(i)))
	}
	batch[4].Value = []byte("poison")
	failed := failures(s.Write(limit(t), batch))
	if len(failed) != 2 || flow.Classify(failed[4]) != flow.Reject || !errors.Is(failed[7], sink.ErrBehindFailed) {
		t.Errorf("failed are %v, want 4 rejected and 7 held back", failed)
	}
	if got := read(t, cluster); len(got) != 7 {
		t.Errorf("arrived %q, want the other 7 once", got)
	}
}

func TestAnUnauthorizedClientIsReplacedAndBlamesNoRecord(t *testing.T) {
	cluster := newCluster(t, 1)
	var forbidden atomic.Bool
	forbidden.Store(true)
	cluster.ControlKey(int16(kmsg.InitProducerID), func(req kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if !forbidden.Load() {
			return nil, nil, false
		}
		resp := req.ResponseKind().(*kmsg.InitProducerIDResponse)
		resp.ErrorCode = kerr.ClusterAuthorizationFailed.Code
		return resp, nil, true
	})
	s := open(t, cluster)
	for range 2 {
		if err := s.Write(limit(t), []sink.Message{message("a", "1")}); flow.Classify(err) != flow.Overload {
			t.Fatalf("%v is %s, want overload", err, flow.Classify(err))
		}
	}
	forbidden.Store(false)
	if err := s.Write(limit(t), []sink.Message{message("a", "1")}); err != nil {
		t.Fatalf("the sink did not recover: %v", err)
	}
}

func TestATopicThatIsMadeAnewIsWrittenTo(t *testing.T) {
	cluster := newCluster(t, 1)
	s, adm := open(t, cluster), admin(t, cluster)
	if err := s.Write(limit(t), []sink.Message{message("a", "before")}); err != nil {
		t.Fatal(err)
	}
	if _, err := adm.DeleteTopics(t.Context(), topic); err != nil {
		t.Fatal(err)
	}
	if _, err := adm.CreateTopic(t.Context(), 1, 1, nil, topic); err != nil {
		t.Fatal(err)
	}
	ctx := limit(t)
	var err error
	for range 5 {
		if err = s.Write(ctx, []sink.Message{message("a", "after")}); err == nil {
			break
		}
		if flow.Classify(err) == flow.Reject {
			t.Fatalf("%v blames a record", err)
		}
	}
	if err != nil {
		t.Fatalf("the sink did not recover: %v", err)
	}
	if got := read(t, cluster); !slices.Equal(got, []string{"after"}) {
		t.Errorf("arrived %q, want the message", got)
	}
}

func TestAKeyGoesWhereTheJavaClientPutsIt(t *testing.T) {
	cluster := newCluster(t, 10)
	// murmur2 as in Kafka's own UtilsTest: -973932308, -790332482, -985981536.
	want := map[string]int32{"21": 0, "foobar": 6, "a-little-bit-long-string": 2}
	var batch []sink.Message
	for key := range want {
		batch = append(batch, message(key, key))
	}
	if err := open(t, cluster).Write(limit(t), batch); err != nil {
		t.Fatal(err)
	}
	for _, r := range records(t, cluster, len(batch)) {
		if r.Partition != want[string(r.Key)] {
			t.Errorf("key %s is in partition %d, want %d", r.Key, r.Partition, want[string(r.Key)])
		}
	}
}

func TestARecordKeepsWhatTheMessageHas(t *testing.T) {
	cluster := newCluster(t, 1)
	at := time.UnixMilli(1_700_000_000_123)
	err := open(t, cluster).Write(limit(t), []sink.Message{
		{Key: []byte{}, Value: []byte{}, Timestamp: at, Headers: []sink.Header{{Key: "empty", Value: []byte{}}, {Key: "nil"}, {Key: "empty", Value: []byte("2")}}},
		{Timestamp: at},
	})
	if err != nil {
		t.Fatal(err)
	}
	got := records(t, cluster, 2)
	first, second := got[0], got[1]
	if first.Key == nil || first.Value == nil || !first.Timestamp.Equal(at) {
		t.Errorf("key %v, value %v, timestamp %s: empty is not nil, and a timestamp is kept", first.Key, first.Value, first.Timestamp)
	}
	if h := first.Headers; len(h) != 3 || h[0].Value == nil || h[1].Value != nil || string(h[2].Value) != "2" {
		t.Errorf("headers are %v", h)
	}
	if second.Key != nil || second.Value != nil {
		t.Errorf("key %v, value %v, want neither", second.Key, second.Value)
	}
}

// records returns n records of the topic.
func records(t *testing.T, cluster *kfake.Cluster, n int) []*kgo.Record {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	var got []*kgo.Record
	for ctx := limit(t); len(got) < n; {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		got = append(got, fetches.Records()...)
	}
	return got
}

func TestAWriteThatIsGivenUpFailsNoOtherForGood(t *testing.T) {
	cluster := newCluster(t, 1)
	var mute atomic.Bool
	healed := make(chan struct{})
	cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if mute.Load() {
			cluster.SleepControl(func() { <-healed })
		}
		return nil, nil, false
	})
	s := open(t, cluster)
	if err := s.Write(limit(t), []sink.Message{message("a", "0")}); err != nil {
		t.Fatal(err)
	}
	mute.Store(true)
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	var all sync.WaitGroup
	all.Go(func() {
		if err := s.Write(short, []sink.Message{message("a", "1"), message("a", "2")}); flow.Classify(err) != flow.Overload {
			t.Errorf("%v is %s, want overload", err, flow.Classify(err))
		}
	})
	all.Go(func() {
		err := s.Write(limit(t), []sink.Message{message("b", "1"), message("b", "2")})
		if v := flow.Classify(err); v != flow.Done && v != flow.Overload {
			t.Errorf("%v is %s, want done or overload", err, v)
		}
	})
	<-short.Done()
	mute.Store(false)
	close(healed)
	all.Wait()
	if err := s.Write(limit(t), []sink.Message{message("a", "1"), message("a", "2"), message("b", "1"), message("b", "2")}); err != nil {
		t.Fatal(err)
	}
}

func TestWhatAWriteGaveUpOnIsStillProducedAsItWas(t *testing.T) {
	cluster := newCluster(t, 1)
	var cut atomic.Bool
	asked, healed := make(chan struct{}), make(chan struct{})
	cluster.ControlKey(int16(kmsg.Produce), func(kmsg.Request) (kmsg.Response, error, bool) {
		cluster.KeepControl()
		if cut.Swap(true) {
			return nil, nil, false
		}
		cluster.SleepControl(func() { close(asked); <-healed })
		return nil, errors.New("cut off"), true // so the client makes the request once more
	})
	s := open(t, cluster)
	ctx, giveUp := context.WithCancel(limit(t))
	go func() { <-asked; giveUp() }()
	if err := s.Write(ctx, []sink.Message{message("a", "the first")}); err == nil {
		t.Fatal("the first write came through, want it given up")
	}
	short, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_ = s.Write(short, []sink.Message{message("a", "another"), message("b", "!")})
	close(healed)
	if got := string(records(t, cluster, 1)[0].Value); got != "the first" {
		t.Errorf("produced %q, want the first write's", got)
	}
}
