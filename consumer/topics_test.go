//go:build synctests

package consumer_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Partitions of two topics have the same numbers and other offsets: who takes one
// for the other loses records of one, or repeats those of the other.
func TestTwoTopicsAreCommittedApart(t *testing.T) {
	topics := map[string]int{topic: 30, "other": 70}
	inLab(t, 2, func(l *lab) {
		at := func(topic string) (both int64) {
			os, err := kadm.NewClient(l.client).FetchOffsets(l.Context(), group)
			if err != nil {
				return 0
			}
			for p := range int32(2) {
				if o, ok := os.Lookup(topic, p); ok {
					both += o.At
				}
			}
			return both
		}
		cfg := l.config()
		cfg.Kafka.Topics = []string{topic, "other"}
		for round := 1; round <= 3; round++ {
			for topic, n := range topics {
				for i := range n {
					l.write(&kgo.Record{Topic: topic, Partition: int32(i % 2), Value: []byte(strconv.Itoa(i))})
				}
			}
			m := l.run(cfg, l.to(nil))
			l.until(time.Minute, "delivered", func() bool { return l.ledger.distinct() >= 100*round })
			time.Sleep(10 * time.Second) // for what would be repeated
			m.mustEnd()
			if got, want := l.ledger.distinct(), 100*round; got != want {
				t.Errorf("round %d: delivered %d records, want %d", round, got, want)
			}
			if got := l.ledger.duplicates(); got != 0 {
				t.Errorf("round %d: %d duplicates, want 0", round, got)
			}
			for topic, n := range topics {
				if got, want := at(topic), int64(n*round); got != want {
					t.Errorf("round %d: %s committed at %d in all, want %d", round, topic, got, want)
				}
			}
		}
	}, kfake.SeedTopics(2, "other"))
}
