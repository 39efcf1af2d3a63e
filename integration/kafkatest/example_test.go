package kafkatest_test

import (
	"testing"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/integration/kafkatest"
)

// A test that loses the node it is talking to.
func Example() {
	_ = func(t *testing.T) {
		c := kafkatest.Start(t, kafkatest.WithNodes(3))
		if err := c.CreateTopic(t.Context(), "orders", 4, nil); err != nil {
			t.Fatal(err)
		}
		cl := c.Client(t, kgo.DefaultProduceTopic("orders"))
		leader, err := c.Leader(t.Context(), "orders", 0)
		if err != nil {
			t.Fatal(err)
		}
		if err := leader.Kill(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := cl.ProduceSync(t.Context(), kgo.StringRecord("goes to the next leader")).FirstErr(); err != nil {
			t.Fatal(err)
		}
	}
	// Output:
}
