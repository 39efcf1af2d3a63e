package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// real finds or starts the real Kafka. Without one the rows that need it are left out.
func (l *lab) real(brokers string, start bool) (end func()) {
	end = func() {}
	switch {
	case brokers != "":
		l.brokers = strings.Split(brokers, ",")
	case !start:
		l.noBrokers = "no real Kafka was asked for: -kafka starts one, -brokers names one"
	default:
		var err error
		if l.brokers, end, err = startKafka(); err != nil {
			l.noBrokers = err.Error()
			fmt.Fprintf(os.Stderr, "LEFT OUT: what needs a real Kafka: %s\n", err)
			return func() {}
		}
	}
	return end
}

// startKafka starts a real Kafka in a container.
func startKafka() (address []string, end func(), err error) {
	c, err := startCommand("a real Kafka", exec.Command("./kafka"))
	if err != nil {
		return nil, nil, err
	}
	end = func() { // an engine that was started for it takes longer to end than a subject may
		_ = c.in.Close()
		_ = c.cmd.Wait()
	}
	line, err := c.out.ReadString('\n')
	if err != nil { // said on the standard error by then
		end()
		return nil, nil, fmt.Errorf("./kafka gave no address: %s", c.cmd.ProcessState)
	}
	return strings.Split(strings.TrimSpace(line), ","), end, nil
}

// recordsOf is how many records of so many bytes the topic of a real Kafka has: at most
// four gigabytes of values, and sixteen million. No subject may come near its end, see [spent].
func recordsOf(size int) int64 { return 4_000_000_000 / int64(max(size, 250)) }

// filled is the topic of a real Kafka with values of so many bytes. One that is there
// from before is used again; one whose filling was cut short is an error.
func (l *lab) filled(ctx context.Context, size int) (topic string, records int64, err error) {
	topic, records = topicOf(size), recordsOf(size)
	client, err := kgo.NewClient(kgo.SeedBrokers(l.brokers...), kgo.MaxBufferedRecords(100_000), kgo.ProducerBatchMaxBytes(1<<20),
		kgo.ProducerBatchCompression(kgo.NoCompression()))
	if err != nil {
		return "", 0, err
	}
	defer client.Close()
	_, err = kadm.NewClient(client).CreateTopic(ctx, partitions, -1, map[string]*string{"retention.ms": kmsg.StringPtr("-1")}, topic)
	if err == nil {
		fmt.Fprintf(os.Stderr, "  filling %s with %d records\n", topic, records)
		if err := fill(ctx, client, topic, size, records); err != nil {
			return "", 0, err
		}
	} else if !errors.Is(err, kerr.TopicAlreadyExists) {
		return "", 0, fmt.Errorf("topic %s: %w", topic, err)
	}
	ends, err := ends(ctx, client, topic)
	if err != nil {
		return "", 0, err
	}
	var there int64
	for _, end := range ends {
		there += end
	}
	if there != records {
		return "", 0, fmt.Errorf("topic %s has %d records, not %d: delete it", topic, there, records)
	}
	return topic, records, nil
}

// fill produces values that are random and no two alike, with keys drawn at random.
func fill(ctx context.Context, client *kgo.Client, topic string, size int, records int64) error {
	rng := rand.New(rand.NewPCG(1, 2))
	random := make([]byte, 1<<20)
	for i := range random {
		random[i] = byte(rng.Uint32())
	}
	var failed error // of whichever record comes last: they fail together
	for range records {
		from := rng.IntN(len(random) - size)
		key := strconv.AppendInt([]byte("key-"), int64(rng.IntN(keys)), 10)
		client.Produce(ctx, &kgo.Record{Topic: topic, Key: key, Value: random[from : from+size]}, func(_ *kgo.Record, err error) {
			if err != nil { // promises are called one at a time
				failed = err
			}
		})
	}
	if err := client.Flush(ctx); err != nil {
		return err
	}
	return failed
}

func ends(ctx context.Context, client *kgo.Client, topic string) (map[int32]int64, error) {
	listed, err := kadm.NewClient(client).ListEndOffsets(ctx, topic)
	if err == nil {
		err = listed.Error()
	}
	if err != nil {
		return nil, fmt.Errorf("end of %s: %w", topic, err)
	}
	ends := map[int32]int64{}
	listed.Each(func(o kadm.ListedOffset) { ends[o.Partition] = o.Offset })
	return ends, nil
}

// unfinished checks that no partition of the topic came to its end in a group: such a
// subject had less to do than the other.
func (l *lab) unfinished(ctx context.Context, topic string, groups ...string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(l.brokers...))
	if err != nil {
		return err
	}
	defer client.Close()
	ends, err := ends(ctx, client, topic)
	if err != nil {
		return err
	}
	for _, group := range groups {
		committed, err := kadm.NewClient(client).FetchOffsets(ctx, group)
		if err != nil {
			return fmt.Errorf("progress of %s: %w", group, err)
		}
		for p, end := range ends {
			if o, ok := committed.Lookup(topic, p); ok && o.At >= end {
				return fmt.Errorf("%s came to the end of partition %d of %s: nothing it did there counts", group, p, topic)
			}
		}
	}
	return nil
}
