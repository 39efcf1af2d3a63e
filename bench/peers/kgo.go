package peers

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// KGO is the poll loop that a team writes by hand: it looks at every record, and the
// client commits in the background what was polled before.
func KGO(ctx context.Context, s Spec, m *Meter) error {
	old := s.latencies(m)
	client, err := raw(s, s.clientOptions()...)
	if err != nil {
		return err
	}
	defer client.Close()
	return poll(ctx, client, func(fetches kgo.Fetches) error {
		records, bytes := 0, 0
		for r := range fetches.RecordsAll() {
			records++
			bytes += len(r.Value)
			if old != nil {
				old.Done(r.Value, time.Now())
			}
		}
		m.Add(records, bytes)
		return nil
	})
}

// KGOCopy is the loop from topic to topic that a team writes by hand: it produces what
// it polled without waiting for each, and marks all of it once all is acknowledged; the
// client commits in the background what is marked. Set has "into", the topic.
func KGOCopy(ctx context.Context, s Spec, m *Meter) error {
	client, err := raw(s, kgo.AutoCommitMarks(), kgo.DefaultProduceTopic(s.Set["into"]))
	if err != nil {
		return err
	}
	defer client.Close()
	return poll(ctx, client, func(fetches kgo.Fetches) error {
		first := kgo.AbortingFirstErrPromise(client)
		records := fetches.Records()
		bytes := 0
		for _, r := range records {
			bytes += len(r.Value)
			client.Produce(ctx, &kgo.Record{Key: r.Key, Value: r.Value, Headers: r.Headers, Timestamp: r.Timestamp}, first.Promise())
		}
		if err := client.Flush(ctx); err != nil {
			return err
		}
		if err := first.Err(); err != nil {
			return fmt.Errorf("produce: %w", err)
		}
		client.MarkCommitRecords(records...)
		m.Add(len(records), bytes)
		return nil
	})
}

// raw is a client of the group, with what is the same for all.
func raw(s Spec, more ...kgo.Opt) (*kgo.Client, error) {
	return kgo.NewClient(append([]kgo.Opt{
		kgo.SeedBrokers(s.Brokers...), kgo.ConsumerGroup(s.Group), kgo.ConsumeTopics(s.Topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxPartitionBytes(FetchBytes), kgo.AutoCommitInterval(CommitInterval),
	}, more...)...)
}

// poll gives each poll to do until ctx ends.
func poll(ctx context.Context, client *kgo.Client, do func(kgo.Fetches) error) error {
	for {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		for _, e := range fetches.Errors() {
			return fmt.Errorf("fetch: %w", e.Err)
		}
		if err := do(fetches); err != nil && ctx.Err() == nil {
			return err
		}
	}
}
