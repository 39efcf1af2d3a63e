package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/bench/peers"
)

// source is a broker with what is consumed, and a topic to produce to.
type source struct {
	address     []string
	topic, into string
	records     int64 // 0 is without end
	end         func()
}

// spec is a subject that consumes from it.
func (s *source) spec(peer, group string, set map[string]string) peers.Spec {
	return peers.Spec{Peer: peer, Brokers: s.address, Topic: s.topic, Group: fmt.Sprintf("%s-%x", group, rand.Uint64()), Records: s.records, Set: set}
}

// source starts a broker whose topic is endless and that keeps nothing, or fills a topic
// of the real Kafka.
func (l *lab) source(ctx context.Context, size int) (s *source, err error) {
	if l.onReal {
		return l.realSource(ctx, size)
	}
	s = &source{topic: topicOf(size), into: "into"}
	s.address, s.end, err = l.broker(brokerSpec{Topic: s.topic, Partitions: partitions, Canned: size, Into: s.into})
	return s, err
}

// realSource is a filled topic of the real Kafka, and one to produce to that end deletes.
func (l *lab) realSource(ctx context.Context, size int) (s *source, err error) {
	s = &source{address: l.brokers, into: "into-" + strconv.FormatInt(time.Now().UnixNano(), 36)}
	if s.topic, s.records, err = l.filled(ctx, size); err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(l.brokers...))
	if err != nil {
		return nil, err
	}
	admin := kadm.NewClient(client)
	s.end = func() {
		_, _ = admin.DeleteTopics(context.WithoutCancel(ctx), s.into)
		client.Close()
	}
	if _, err := admin.CreateTopic(ctx, partitions, -1, nil, s.into); err != nil {
		s.end()
		return nil, err
	}
	return s, nil
}
