package consumer

import (
	"errors"
	"fmt"

	"github.com/weir-kafka/weir/consumer/internal/lane"
)

// leastMemory is the smallest budget in which a batch of a broker's default
// maximum of 1 MiB still moves.
const leastMemory = 16 << 20

// withDefaults fills what is zero.
func (c Config) withDefaults() Config {
	d := DefaultConfig()
	fill(&c.Kafka.Protocol, d.Kafka.Protocol)
	fill(&c.Kafka.Start, d.Kafka.Start)
	fill(&c.Kafka.RebalanceTimeout, d.Kafka.RebalanceTimeout)
	fill(&c.Kafka.SessionTimeout, d.Kafka.SessionTimeout)
	fill(&c.Kafka.CommitInterval, d.Kafka.CommitInterval)
	fill(&c.Order, d.Order)
	fill(&c.Memory, d.Memory)
	fill(&c.Attempts, d.Attempts)
	fill(&c.DeadLetterRatio, d.DeadLetterRatio)
	fill(&c.Drain, d.Drain)
	fill(&c.HandlerTimeout, d.HandlerTimeout)
	fill(&c.Name, c.Kafka.Group)
	return c
}

func fill[T comparable](dst *T, def T) {
	var zero T
	if *dst == zero {
		*dst = def
	}
}

// check finds every contradiction before anything connects.
func (c Config) check(p Pipeline) error {
	var errs []error
	bad := func(wrong bool, format string, args ...any) {
		if wrong {
			errs = append(errs, fmt.Errorf("consumer: "+format, args...))
		}
	}
	k := c.Kafka
	bad(len(k.Brokers) == 0, "kafka.brokers is empty; name at least one host:port")
	bad(k.Group == "", "kafka.group is empty; name the consumer group")
	bad(len(k.Topics) == 0 && k.Pattern == "", "kafka.topics is empty; name topics or a pattern")
	bad(len(k.Topics) > 0 && k.Pattern != "", "kafka.topics and kafka.pattern exclude each other; keep one")
	if err := validPattern(k.Pattern); err != nil {
		errs = append(errs, fmt.Errorf("consumer: %w", err))
	}
	if _, err := startOffset(k.Start); err != nil {
		errs = append(errs, fmt.Errorf("consumer: %w", err))
	}
	bad(c.Order.mode() == lane.Mode(255), "order %q is not key, partition or none", c.Order)
	bad(c.Memory < leastMemory, "memory %s is too little to move a batch of 1 MiB; give at least %s", c.Memory, Bytes(leastMemory))
	bad(c.Attempts < 1, "attempts %d is less than 1", c.Attempts)
	bad(!(c.DeadLetterRatio > 0 && c.DeadLetterRatio <= 1), "dead_letter_ratio %v is not a share above 0 and up to 1", c.DeadLetterRatio)
	bad(c.Drain < 0 || c.Drain > k.RebalanceTimeout/2,
		"drain %s is more than half of the rebalance timeout %s; the group would not wait for it", c.Drain, k.RebalanceTimeout)
	bad(c.HandlerTimeout < 0, "handler_timeout %s is less than zero", c.HandlerTimeout)
	c.Tenant.check(p.Tenant != nil, bad)
	bad(p.Sink.Sink == nil, "the pipeline has no sink")
	for _, o := range p.Outputs() {
		bad(o.Limit.Shadow && o.Limit.Fixed < 1, "limit.shadow watches limit.fixed, which is not set")
		o.Rate.check("rate", bad)
	}
	for name, o := range p.Routes {
		bad(o.Sink == nil, "the sink of route %q is nil", name)
		bad(name == "", "a route has no name; the sink without one is Pipeline.Sink")
	}
	return errors.Join(errs...)
}

// mode is the lane mode of an order; 255 for an order that does not exist.
func (o Order) mode() lane.Mode {
	switch o {
	case OrderKey:
		return lane.Keyed
	case OrderPartition:
		return lane.Serial
	case OrderNone:
		return lane.Free
	}
	return lane.Mode(255)
}
