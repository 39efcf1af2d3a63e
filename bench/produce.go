package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
)

// produce makes the topic, unless it is there, and produces a record for each of ranks.
func produce(ctx context.Context, brokers []string, topic string, parts, valueBytes int, ranks []int) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.DefaultProduceTopic(topic))
	if err != nil {
		return err
	}
	defer client.Close()
	_, err = kadm.NewClient(client).CreateTopic(ctx, int32(parts), -1, nil, topic)
	if err != nil && !errors.Is(err, kerr.TopicAlreadyExists) {
		return fmt.Errorf("topic %s: %w", topic, err)
	}
	value := make([]byte, valueBytes)
	failed := make(chan error, 1)
	for _, rank := range ranks {
		client.Produce(ctx, &kgo.Record{Key: []byte(keyName(rank)), Value: value}, func(_ *kgo.Record, err error) {
			if err != nil {
				select {
				case failed <- err:
				default:
				}
			}
		})
	}
	if err := client.Flush(ctx); err != nil {
		return err
	}
	select {
	case err := <-failed:
		return fmt.Errorf("produce to %s: %w", topic, err)
	default:
		return nil
	}
}

// stampBytes is the size of the values that pace produces, of which the time is the
// beginning.
const stampBytes = 100

// pace produces s.Paced records a second until ctx ends. When it is late it makes up
// for it, and the stamps are of when the records were due: what a stall hides from a
// producer that waits is seen (coordinated omission).
func pace(ctx context.Context, brokers []string, s brokerSpec) error {
	if s.Paced == 0 {
		return nil
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(brokers...), kgo.DefaultProduceTopic(s.Topic), kgo.ProducerLinger(0))
	if err != nil {
		return err
	}
	defer client.Close()
	ranks := s.Keys.draw(1 << 16)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	begun, every := time.Now(), time.Second/time.Duration(s.Paced)
	for i := 0; ; {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
		for ; time.Since(begun) >= time.Duration(i)*every; i++ {
			value := make([]byte, stampBytes)
			binary.BigEndian.PutUint64(value, uint64(begun.Add(time.Duration(i)*every).UnixNano()))
			client.Produce(ctx, &kgo.Record{Key: []byte(keyName(ranks[i%len(ranks)])), Value: value}, nil)
		}
	}
}
