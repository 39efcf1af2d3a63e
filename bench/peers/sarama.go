package peers

import (
	"context"
	"fmt"

	"github.com/IBM/sarama"
)

// Sarama is its consumer group as its documentation shows it: a loop over the messages
// of a claim that marks each; the client commits in the background.
func Sarama(ctx context.Context, s Spec, m *Meter) error {
	cfg := sarama.NewConfig()
	cfg.ClientID = "bench"
	cfg.Version = sarama.V2_8_0_0
	cfg.Consumer.Offsets.Initial = sarama.OffsetOldest
	cfg.Consumer.Offsets.AutoCommit.Interval = CommitInterval
	cfg.Consumer.Fetch.Default = FetchBytes
	group, err := sarama.NewConsumerGroup(s.Brokers, s.Group, cfg)
	if err != nil {
		return err
	}
	defer func() { _ = group.Close() }()
	for ctx.Err() == nil {
		if err := group.Consume(ctx, []string{s.Topic}, &claims{m}); err != nil && ctx.Err() == nil {
			return fmt.Errorf("sarama: %w", err)
		}
	}
	return nil
}

type claims struct{ m *Meter }

func (*claims) Setup(sarama.ConsumerGroupSession) error   { return nil }
func (*claims) Cleanup(sarama.ConsumerGroupSession) error { return nil }

func (c *claims) ConsumeClaim(session sarama.ConsumerGroupSession, claim sarama.ConsumerGroupClaim) error {
	var t tally
	defer t.flush(c.m)
	for {
		select {
		case msg, ok := <-claim.Messages():
			if !ok {
				return nil
			}
			t.add(c.m, len(msg.Value))
			session.MarkMessage(msg, "")
		case <-session.Context().Done():
			return nil
		}
	}
}

// tally counts for one goroutine, so that peers that hand over record by record do not
// pay for a counter that is shared.
type tally struct{ records, bytes int }

func (t *tally) add(m *Meter, bytes int) {
	t.records++
	if t.bytes += bytes; t.records == 256 {
		t.flush(m)
	}
}

func (t *tally) flush(m *Meter) {
	m.Add(t.records, t.bytes)
	*t = tally{}
}
