package peers

import (
	"context"
	"fmt"

	"github.com/segmentio/kafka-go"
)

// KafkaGo is a Reader of a group; ReadMessage commits in the background.
func KafkaGo(ctx context.Context, s Spec, m *Meter) error {
	r := kafka.NewReader(kafka.ReaderConfig{
		Brokers: s.Brokers, GroupID: s.Group, Topic: s.Topic,
		MaxBytes: FetchBytes, CommitInterval: CommitInterval, StartOffset: kafka.FirstOffset,
	})
	defer func() { _ = r.Close() }()
	var t tally
	for {
		msg, err := r.ReadMessage(ctx)
		if ctx.Err() != nil {
			return nil
		}
		if err != nil {
			return fmt.Errorf("kafka-go: %w", err)
		}
		t.add(m, len(msg.Value))
	}
}
