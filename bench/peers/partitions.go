package peers

import (
	"context"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Partitions is the loop that a team writes when a handler waits: of each poll the
// partitions at the same time, and the records of a partition one after the other.
func Partitions(ctx context.Context, s Spec, m *Meter) error {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(s.Brokers...), kgo.ConsumerGroup(s.Group), kgo.ConsumeTopics(s.Topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxPartitionBytes(FetchBytes), kgo.AutoCommitInterval(CommitInterval),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	for {
		fetches := client.PollFetches(ctx)
		if ctx.Err() != nil {
			return nil
		}
		for _, e := range fetches.Errors() {
			return fmt.Errorf("fetch: %w", e.Err)
		}
		var parts sync.WaitGroup
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			parts.Go(func() {
				for _, r := range p.Records {
					if sleep(ctx, s.Handler) != nil {
						return
					}
					m.Add(1, len(r.Value))
				}
			})
		})
		parts.Wait()
	}
}
