package main

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/sink"
)

// subject is something that consumes. It counts what it consumed until ctx ends.
type subject struct {
	name string
	run  func(ctx context.Context, address, group string, count *counter) error
}

// counter is what a subject consumed.
type counter struct {
	records, bytes atomic.Int64
}

func subjects() []subject {
	return []subject{
		{"raw", raw},
		{"partition", weir(consumer.OrderPartition)},
		{"raw again", raw},
		{"key", weir(consumer.OrderKey)},
	}
}

// raw is the poll loop that a team writes by hand: it looks at every record, and
// the client commits what was polled before.
func raw(ctx context.Context, address, group string, count *counter) error {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(address), kgo.ConsumerGroup(group), kgo.ConsumeTopics(topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	for ctx.Err() == nil {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			break
		}
		for _, e := range fetches.Errors() {
			return fmt.Errorf("fetch: %w", e.Err)
		}
		var records, bytes int64
		for r := range fetches.RecordsAll() {
			records++
			bytes += int64(len(r.Value))
		}
		count.records.Add(records)
		count.bytes.Add(bytes)
	}
	return nil
}

// weir is the whole journey: the handler is called for every record and emits it
// to a sink that looks at every message.
func weir(order consumer.Order) func(context.Context, string, string, *counter) error {
	return func(ctx context.Context, address, group string, count *counter) error {
		cfg := consumer.DefaultConfig()
		cfg.Kafka.Brokers, cfg.Kafka.Group, cfg.Kafka.Topics = []string{address}, group, []string{topic}
		cfg.Order = order
		to := sink.Func(func(_ context.Context, batch []sink.Message) error {
			var bytes int64
			for i := range batch {
				bytes += int64(len(batch[i].Value))
			}
			count.records.Add(int64(len(batch)))
			count.bytes.Add(bytes)
			return nil
		})
		c, err := consumer.New(cfg, consumer.Pipeline{Handler: handlers.Pass, Sink: consumer.Output{Sink: to}})
		if err != nil {
			return err
		}
		return c.Run(ctx)
	}
}
