package main

import (
	"strings"
	"testing"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/bench/peers"
)

func TestWithoutARealKafkaItsRowsAreLeftOutAndNotMissed(t *testing.T) {
	t.Parallel()
	l := lab{noBrokers: "there is none"}
	c := realChapter()
	for _, w := range c.workloads {
		results, err := w.run(t.Context(), &l)
		if err != nil || len(results) != 1 {
			t.Fatalf("%s: got %d rows and %v, want one and no error", w.name, len(results), err)
		}
		if got, want := results[0].verdict(), "left out"; got != want {
			t.Errorf("%s: got verdict %q, want %q", w.name, got, want)
		}
		if got := missed(results); len(got) != 0 {
			t.Errorf("%s: got missed %v, want none", w.name, got)
		}
		if got := c.of(results); len(got) != 1 || got[0].note != "there is none" {
			t.Errorf("%s: got %v in the report, want the row with its reason", w.name, got)
		}
	}
}

func TestASubjectIsSpentBeforeItsTopicEnds(t *testing.T) {
	t.Parallel()
	for _, x := range []struct {
		consumed, records int64
		want              bool
	}{{0, 100, false}, {75, 100, false}, {76, 100, true}, {1 << 40, 0, false}} {
		if got := (&child{consumed: x.consumed, spec: peers.Spec{Records: x.records}}).spent(); got != x.want {
			t.Errorf("%d of %d records: got spent %v, want %v", x.consumed, x.records, got, x.want)
		}
	}
	if _, err := make(rounds, fewestRounds-1).enough("t"); err == nil {
		t.Error("too few rounds before the end of a topic: got no error")
	}
	if r, err := make(rounds, fewestRounds).enough("t"); err != nil || len(r) != fewestRounds {
		t.Errorf("enough rounds before the end of a topic: got %d, %v", len(r), err)
	}
}

// One partition that is at its end is an error, though the others are not.
func TestAGroupAtTheEndOfAPartitionIsFound(t *testing.T) {
	t.Parallel()
	const topic, records = "filled", 2000
	c, err := kfake.NewCluster(kfake.NumBrokers(1), kfake.SeedTopics(partitions, topic))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	client, err := kgo.NewClient(kgo.SeedBrokers(c.ListenAddrs()...))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	if err := fill(t.Context(), client, topic, 100, records); err != nil {
		t.Fatal(err)
	}
	ends, err := ends(t.Context(), client, topic)
	if err != nil {
		t.Fatal(err)
	}
	var offsets kadm.Offsets
	sum := int64(0)
	for p, end := range ends {
		sum += end
		offsets.AddOffset(topic, p, end-1, -1)
	}
	if sum != records {
		t.Fatalf("got %d records after filling, want %d", sum, records)
	}
	l := lab{brokers: c.ListenAddrs()}
	commit := func() {
		if _, err := kadm.NewClient(client).CommitOffsets(t.Context(), "g", offsets); err != nil {
			t.Fatal(err)
		}
	}
	commit()
	if err := l.unfinished(t.Context(), topic, "g"); err != nil {
		t.Errorf("one record before the ends: got %v, want no error", err)
	}
	offsets.AddOffset(topic, 3, ends[3], -1)
	commit()
	if err := l.unfinished(t.Context(), topic, "g"); err == nil || !strings.Contains(err.Error(), "partition 3") {
		t.Errorf("partition 3 at its end: got %v, want an error that names it", err)
	}
}
