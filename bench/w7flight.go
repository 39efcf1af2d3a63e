package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/bench/peers"
)

const (
	// inFlight is how many records are to be in blocking handlers.
	inFlight = 100_000
	// A partition has 4,096 lanes of keys, and a lane one record in a handler: of 134,000
	// records some 28,000 wait behind another.
	flightPartitions = 64
	// flightWarm records are handled before the others block: a subject does not start
	// more workers before it has seen that its handler waits.
	flightWarm    = 2000
	flightRecords = inFlight + flightWarm + 32_000
	flightTopic   = "flight"
	flightLongest = 40 * time.Second
	flightRepeats = 2
)

// w7InFlight looks at a subject with its default handlers that has done all records, and at
// others of which all records are in the handler.
func w7InFlight(ctx context.Context, l *lab) ([]result, error) {
	address, end, err := l.broker(brokerSpec{Topic: flightTopic, Partitions: flightPartitions})
	if err != nil {
		return nil, err
	}
	defer end()
	if err := produceKeys(ctx, address, flightTopic, flightPartitions, flightRecords); err != nil {
		return nil, err
	}
	s := peers.Spec{Peer: "weir", Brokers: address, Topic: flightTopic, Handler: 5 * time.Millisecond, Group: "idle"}
	idle, err := flightRest(ctx, s)
	if err != nil {
		return nil, err
	}
	s.BlocksAfter, s.Group = flightWarm, "default"
	byDefault, err := flightRest(ctx, s)
	if err != nil {
		return nil, err
	}
	all := []result{{gate: "W7c-flight", variant: "by default", interval: medianOf([]float64{byDefault.Figures[peers.InFlight]})}}
	var each, heap, stack []float64
	s.InFlight = inFlight
	for n := range flightRepeats {
		s.Group = fmt.Sprintf("busy-%d", n)
		m, err := flightRest(ctx, s)
		if err != nil {
			return all, err
		}
		flying := m.Figures[peers.InFlight]
		if flying < inFlight {
			return all, fmt.Errorf("%.0f records are in flight, want %d", flying, inFlight)
		}
		heap = append(heap, (float64(m.Live)-float64(idle.Live))/flying)
		stack = append(stack, (float64(m.Stacks)-float64(idle.Stacks))/flying)
		each = append(each, heap[n]+stack[n])
	}
	note := fmt.Sprintf("heap %s, stack %s", number(medianOf(heap).median), number(medianOf(stack).median))
	return append(all, result{gate: "W7c", variant: "WithHandlers(100,000)", interval: medianOf(each), note: note}), nil
}

// flightRest is a look at a subject that has got all records.
func flightRest(ctx context.Context, s peers.Spec) (m moment, err error) {
	c, err := startSubject(ctx, s)
	if err != nil {
		return m, err
	}
	defer c.close()
	full := func() bool { // as many as there are, or as may be
		return m.Records >= flightRecords || s.BlocksAfter > 0 && m.Figures[peers.InFlight] >= float64(max(s.InFlight, 512))
	}
	for begun := time.Now(); !full() && time.Since(begun) < flightLongest; {
		if err := peers.Wait(ctx, 100*time.Millisecond); err != nil {
			return m, err
		}
		if m, err = c.look(); err != nil {
			return m, err
		}
	}
	if err := peers.Wait(ctx, calm); err != nil {
		return m, err
	}
	return c.rest()
}

// produceKeys produces records that have a key each, over all partitions.
func produceKeys(ctx context.Context, address []string, topic string, partitions, n int) error {
	client, err := kgo.NewClient(kgo.SeedBrokers(address...), kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.DisableIdempotentWrite())
	if err != nil {
		return err
	}
	defer client.Close()
	var first error
	for i := range n {
		rec := &kgo.Record{Topic: topic, Partition: int32(i % partitions), Key: binary.BigEndian.AppendUint64(nil, uint64(i)), Value: make([]byte, 100)}
		client.Produce(ctx, rec, func(_ *kgo.Record, err error) {
			if err != nil && first == nil { // promises are called one after the other
				first = err
			}
		})
	}
	if err := client.Flush(ctx); err != nil {
		return fmt.Errorf("produce to %s: %w", topic, err)
	}
	return first
}
