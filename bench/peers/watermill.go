package peers

import (
	"context"
	"fmt"
	"sync"

	"github.com/IBM/sarama"
	"github.com/ThreeDotsLabs/watermill"
	"github.com/ThreeDotsLabs/watermill-kafka/v3/pkg/kafka"
	"github.com/ThreeDotsLabs/watermill/message"
)

// Watermill is its Kafka subscriber with a loop over the messages that acknowledges
// each. A partition's next message comes after the acknowledgement.
func Watermill(ctx context.Context, s Spec, m *Meter) error {
	cfg := kafka.DefaultSaramaSubscriberConfig()
	cfg.Consumer.Offsets.Initial = sarama.OffsetOldest
	cfg.Consumer.Offsets.AutoCommit.Interval = CommitInterval
	cfg.Consumer.Fetch.Default = FetchBytes
	sub, err := kafka.NewSubscriber(kafka.SubscriberConfig{
		Brokers: s.Brokers, ConsumerGroup: s.Group, Unmarshaler: kafka.DefaultMarshaler{}, OverwriteSaramaConfig: cfg,
	}, watermill.NopLogger{})
	if err != nil {
		return fmt.Errorf("watermill: %w", err)
	}
	messages, err := sub.Subscribe(ctx, s.Topic)
	if err != nil {
		return fmt.Errorf("watermill: %w", err)
	}
	var work sync.WaitGroup
	work.Go(func() { count(messages, m) })
	<-ctx.Done()
	err = sub.Close()
	work.Wait()
	return err
}

func count(messages <-chan *message.Message, m *Meter) {
	for msg := range messages {
		m.Add(1, len(msg.Payload))
		msg.Ack()
	}
}
