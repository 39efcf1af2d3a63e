package peers

import (
	"context"
	"fmt"

	"github.com/twmb/franz-go/pkg/kgo"
)

// KGO is the poll loop that a team writes by hand: it looks at every record, and the
// client commits in the background what was polled before.
func KGO(ctx context.Context, s Spec, m *Meter) error {
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
		records, bytes := 0, 0
		for r := range fetches.RecordsAll() {
			records++
			bytes += len(r.Value)
		}
		m.Add(records, bytes)
	}
}
