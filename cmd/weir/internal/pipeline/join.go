package pipeline

import (
	"context"
	"log/slog"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/consumer"
)

const (
	lookEvery = 100 * time.Millisecond
	firstSay  = 3 * time.Second
	sayEvery  = 15 * time.Second
	askWithin = 2 * time.Second
)

// watchJoin says once what was joined, and until then, now and again, what is
// waited for and why. The function that it returns ends it.
func watchJoin(ctx context.Context, log *slog.Logger, k consumer.KafkaConfig, c *consumer.Consumer) func() {
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(lookEvery)
		defer tick.Stop()
		start := time.Now()
		say := start.Add(firstSay)
		for {
			select {
			case <-ctx.Done():
				return
			case now := <-tick.C:
				if c.Ready() == nil {
					joined(log, c.Explain())
					return
				}
				if now.After(say) {
					say = now.Add(sayEvery)
					log.Warn("waiting to join", "group", k.Group, "brokers", k.Brokers, "waited", now.Sub(start).Round(time.Second), "why", reach(ctx, k))
				}
			}
		}
	}()
	return func() { cancel(); <-done }
}

func joined(log *slog.Logger, r consumer.Report) {
	log.Info("joined", "group", r.Group, "member", r.Member, "partitions", len(r.Partitions))
	if len(r.Partitions) == 0 {
		log.Warn("joined and owns no partition: do the topics exist, and has the group more members than they have partitions?", "group", r.Group)
	}
}

// reach returns why it may be that the group is not joined.
func reach(ctx context.Context, k consumer.KafkaConfig) string {
	ctx, cancel := context.WithTimeout(ctx, askWithin)
	defer cancel()
	opts, err := k.ClientOptions()
	if err != nil {
		return err.Error()
	}
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return err.Error()
	}
	defer cl.Close()
	if err := cl.Ping(ctx); err != nil {
		return err.Error()
	}
	return "a broker answers; weir lint --live says whether topics are missing or something is not permitted"
}
