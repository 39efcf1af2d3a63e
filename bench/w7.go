package main

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/bench/peers"
	"github.com/weir-kafka/weir/consumer"
)

// W7 is what grows: partitions, keys, records in flight, members.

func w7Chapter() chapter {
	return chapter{
		title: "W7: what grows",
		workloads: []workload{
			{"W7a-cpu", w7Partitions},
			{"W7a-idle", w7Idle},
			{"W7b", w7Keys},
			{"W7c", w7InFlight},
			{"W7d-cooperative", w7Members("cooperative", consumer.ProtocolClassic)},
			{"W7d-848", w7Members("KIP-848", consumer.ProtocolConsumer)},
		},
		gates: []gate{
			{id: "W7a", what: "1,000 partitions: CPU a record over 10 partitions", unit: "x", atLeast: 1.30, aim: 1.10, less: true},
			{id: "W7a-kgo", what: "the same of raw kgo", unit: "x"},
			{id: "W7a-idle", what: "an idle partition, over raw kgo", unit: "B", atLeast: 4096, aim: 512, less: true, count: true},
			{id: "W7a-idle-kgo", what: "an idle partition of raw kgo", unit: "B"},
			// Zero as far as it can be seen: the heap is known within some hundred KiB.
			{id: "W7b", what: "10 million keys: memory of an idle key", unit: "B", atLeast: 0.1, aim: 0.1, less: true, count: true},
			{id: "W7b-slope", what: "CPU a record after 10 million keys over that of 10,000 keys", unit: "x", atLeast: 1.05, aim: 1.02, less: true},
			{id: "W7c", what: "100,000 records in blocking handlers: memory of each", unit: "B", atLeast: 3584, aim: 2662, less: true, count: true},
			{id: "W7c-flight", what: "records in blocking handlers", unit: "records"},
			{id: "W7d", what: "1 to 16 members: pause of a partition that stays", unit: "ms", atLeast: 20, aim: 1, less: true, count: true},
		},
	}
}

// A fetch brings the same from 10 partitions and from 1,000: ten batches of each of few,
// one of each of many.
const (
	fewPartitions  = 10
	manyPartitions = 1000
	w7Batch        = 5_000 // so that a batch of each of 1,000 partitions is less than any client's fetch
)

func w7Partitions(ctx context.Context, l *lab) ([]result, error) {
	var all []result
	for _, peer := range []string{"kgo", "weir"} {
		var specs [2]peers.Spec
		for i, n := range []int{fewPartitions, manyPartitions} {
			topic := fmt.Sprintf("wide-%d", n)
			each := len(recordBatch(100, w7Batch, keySpec{})) * manyPartitions / n
			address, end, err := l.broker(brokerSpec{Topic: topic, Partitions: n, Canned: 100, Batch: w7Batch, PartitionBytes: int32(each)})
			if err != nil {
				return all, err
			}
			defer end()
			specs[i] = peers.Spec{Peer: peer, Brokers: address, Topic: topic, Group: "w7"}
		}
		r, err := pairs(ctx, specs[0], specs[1], l.each, l.budget)
		if err != nil {
			return all, err
		}
		id := "W7a"
		if peer == "kgo" {
			id = "W7a-kgo"
		}
		row := r.ratioRow(id, "100 B", cpu)
		row.note = fmt.Sprintf("%s and %s ns", number(r.side(false, cpu).median), number(r.side(true, cpu).median))
		all = append(all, row)
	}
	return all, nil
}

const (
	idlePartitions = 10_000
	idleRepeats    = 2
	// calm is how long after its start a subject has only housekeeping to do.
	calm = 3 * time.Second
)

func w7Idle(ctx context.Context, l *lab) ([]result, error) {
	var over, raw []float64
	for range idleRepeats {
		each := map[string]float64{}
		for _, peer := range []string{"kgo", "weir"} {
			few, err := l.idle(ctx, peer, fewPartitions)
			if err != nil {
				return nil, err
			}
			many, err := l.idle(ctx, peer, fewPartitions+idlePartitions)
			if err != nil {
				return nil, err
			}
			each[peer] = (many - few) / idlePartitions
		}
		over, raw = append(over, each["weir"]-each["kgo"]), append(raw, each["kgo"])
	}
	return []result{{gate: "W7a-idle-kgo", interval: medianOf(raw)}, {gate: "W7a-idle", interval: medianOf(over)}}, nil
}

// idle is the live heap of a subject with so many partitions and a single record.
func (l *lab) idle(ctx context.Context, peer string, n int) (float64, error) {
	topic := fmt.Sprintf("idle-%d", n)
	address, end, err := l.broker(brokerSpec{Topic: topic, Partitions: n})
	if err != nil {
		return 0, err
	}
	defer end()
	if err := produceOne(ctx, address, topic); err != nil {
		return 0, err
	}
	c, err := startSubject(ctx, peers.Spec{Peer: peer, Brokers: address, Topic: topic, Group: "idle"})
	if err != nil {
		return 0, err
	}
	defer c.close()
	if err := peers.Wait(ctx, calm); err != nil {
		return 0, err
	}
	m, err := c.rest()
	return float64(m.Live), err
}

func produceOne(ctx context.Context, address []string, topic string) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(address...))
	if err != nil {
		return err
	}
	defer client.Close()
	rec := &kgo.Record{Topic: topic, Key: []byte("key"), Value: make([]byte, 100)}
	if err := client.ProduceSync(ctx, rec).FirstErr(); err != nil {
		return fmt.Errorf("produce to %s: %w", topic, err)
	}
	return nil
}
