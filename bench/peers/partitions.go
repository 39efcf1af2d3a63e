package peers

import (
	"context"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

// Partitions is the loop that a team writes when a handler waits: of each poll the
// partitions at the same time, and the records of a partition one after the other.
func Partitions(ctx context.Context, s Spec, m *Meter) error {
	client, err := raw(s)
	if err != nil {
		return err
	}
	defer client.Close()
	return poll(ctx, client, func(fetches kgo.Fetches) error {
		var parts sync.WaitGroup
		fetches.EachPartition(func(p kgo.FetchTopicPartition) {
			parts.Go(func() {
				for _, r := range p.Records {
					if Wait(ctx, s.Handler) != nil {
						return
					}
					m.Add(1, len(r.Value))
				}
			})
		})
		parts.Wait()
		return nil
	})
}
