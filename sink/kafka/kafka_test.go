package kafka_test

import (
	"context"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weir-kafka/weir/sink/kafka"
	"github.com/weir-kafka/weir/sink/sinktest"
)

const topic = "out"

func TestConformance(t *testing.T) {
	sinktest.Run(t, func(t *testing.T) *sinktest.Subject {
		cluster := kfake.MustCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topic))
		t.Cleanup(cluster.Close)
		var down, silent atomic.Bool
		healed := make(chan struct{}, 1)
		cluster.ControlKey(int16(kmsg.Produce), func(req kmsg.Request) (kmsg.Response, error, bool) {
			cluster.KeepControl()
			if silent.Load() {
				cluster.SleepControl(func() { <-healed })
			}
			if !down.Load() {
				return nil, nil, false
			}
			return answer(req.(*kmsg.ProduceRequest), kerr.NotEnoughReplicas), nil, true
		})
		s, err := kafka.New(kafka.Config{Brokers: cluster.ListenAddrs(), Topic: topic})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = s.Close() })
		return &sinktest.Subject{
			Sink: s, Down: down.Store, Values: func() []string { return read(t, cluster) },
			Silent: func(on bool) {
				silent.Store(on)
				if !on {
					close(healed)
				}
			},
		}
	})
}

// answer refuses every partition of a request.
func answer(req *kmsg.ProduceRequest, why *kerr.Error) kmsg.Response {
	resp := req.ResponseKind().(*kmsg.ProduceResponse)
	for _, rt := range req.Topics {
		st := kmsg.NewProduceResponseTopic()
		st.Topic, st.TopicID = rt.Topic, rt.TopicID
		for _, rp := range rt.Partitions {
			sp := kmsg.NewProduceResponseTopicPartition()
			sp.Partition, sp.ErrorCode = rp.Partition, why.Code
			st.Partitions = append(st.Partitions, sp)
		}
		resp.Topics = append(resp.Topics, st)
	}
	return resp
}

// read returns the values in the topic.
func read(t *testing.T, cluster *kfake.Cluster) []string {
	t.Helper()
	cl, err := kgo.NewClient(kgo.SeedBrokers(cluster.ListenAddrs()...), kgo.ConsumeTopics(topic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		t.Fatal(err)
	}
	defer cl.Close()
	ends, err := endOf(t.Context(), cl)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	for int64(len(values)) < ends {
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		fetches := cl.PollFetches(ctx)
		cancel()
		if err := fetches.Err(); err != nil {
			t.Fatal(err)
		}
		fetches.EachRecord(func(r *kgo.Record) { values = append(values, string(r.Value)) })
	}
	return values
}

func endOf(ctx context.Context, cl *kgo.Client) (int64, error) {
	req := kmsg.NewPtrListOffsetsRequest()
	rt := kmsg.NewListOffsetsRequestTopic()
	rt.Topic = topic
	rp := kmsg.NewListOffsetsRequestTopicPartition()
	rp.Timestamp = -1
	rt.Partitions = append(rt.Partitions, rp)
	req.Topics = append(req.Topics, rt)
	resp, err := req.RequestWith(ctx, cl)
	if err != nil {
		return 0, err
	}
	p := resp.Topics[0].Partitions[0]
	return p.Offset, kerr.ErrorForCode(p.ErrorCode)
}

func TestPingTellsWhetherTheTopicExists(t *testing.T) {
	cluster := kfake.MustCluster(kfake.NumBrokers(1), kfake.SeedTopics(1, topic))
	defer cluster.Close()
	for name, exists := range map[string]bool{topic: true, "other": false} {
		s, err := kafka.New(kafka.Config{Brokers: cluster.ListenAddrs(), Topic: name})
		if err != nil {
			t.Fatal(err)
		}
		if err := s.Ping(t.Context()); (err == nil) != exists {
			t.Errorf("topic %s: %v", name, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}
