package main

import (
	"context"
	"fmt"
	"strconv"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/consumer"
)

// lag is how many records the group has not committed, -1 when nobody says.
func (t *trial) lag(ctx context.Context) int64 {
	adm := kadm.NewClient(t.producer.client)
	committed, err := adm.FetchOffsets(ctx, "orders-to-api")
	if err != nil {
		return -1
	}
	ends, err := adm.ListEndOffsets(ctx, topic)
	if err != nil || ends.Error() != nil {
		return -1
	}
	lag := int64(0)
	ends.Each(func(e kadm.ListedOffset) {
		at := int64(0)
		if o, ok := committed.Lookup(topic, e.Partition); ok {
			at = max(o.At, 0)
		}
		lag += e.Offset - at
	})
	return lag
}

// letters reads the dead letters.
func (t *trial) letters(ctx context.Context) (ls []letter, err error) {
	ends, err := kadm.NewClient(t.producer.client).ListEndOffsets(ctx, deadTopic)
	if err != nil {
		return nil, fmt.Errorf("ends of the dead letters: %w", err)
	}
	left := int64(0)
	ends.Each(func(e kadm.ListedOffset) { left += e.Offset })
	cl, err := kgo.NewClient(kgo.SeedBrokers(t.broker.address), kgo.ConsumeTopics(deadTopic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	for left > 0 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("read the dead letters: %w", err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			left--
			ls = append(ls, letterOf(r))
		})
	}
	return ls, nil
}

// letterOf takes from headers what is not there as -1.
func letterOf(r *kgo.Record) letter {
	l := letter{key: string(r.Key), n: -1, value: r.Value, partition: -1, offset: -1}
	for _, h := range r.Headers {
		n, err := strconv.ParseInt(string(h.Value), 10, 64)
		if err != nil {
			continue
		}
		switch h.Key {
		case header:
			l.n = int(n)
		case consumer.HeaderPartition:
			l.partition = int32(n)
		case consumer.HeaderOffset:
			l.offset = n
		}
	}
	return l
}
