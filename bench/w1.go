package main

import (
	"context"
	"fmt"

	"github.com/weir-kafka/weir/bench/peers"
)

// W1 is the work of handing records over: a handler that passes each on and a sink, or
// a loop, that looks at each. 8 partitions, 100,000 keys; the broker answers every
// fetch from one canned batch.

func w1Chapter() chapter {
	return chapter{
		title: "W1: handing records over",
		workloads: []workload{
			{"W1-partition", w1Partition},
			{"W1-key", w1Key},
			{"W1-metrics", w1Metrics},
			{"W1-peers", w1Peers},
		},
		gates: []gate{
			{id: "W1a", what: "no-op, partition order: throughput over raw kgo", unit: "x", atLeast: 0.90, aim: 0.97},
			{id: "W1b", what: "the same: CPU added a record", unit: "ns", atLeast: 70, aim: 35, less: true},
			{id: "W1c", what: "key order, record by record: throughput over raw kgo", unit: "x", atLeast: 0.60, aim: 0.80},
			{id: "W1c-sarama", what: "key order: throughput over Sarama's raw loop", unit: "x", atLeast: 1, aim: 1},
			{id: "W1d", what: "key order: CPU a record over Sarama's raw loop", unit: "x", atLeast: 1, aim: 0.75, less: true},
			{id: "W1e", what: "allocations added a record", unit: "objects", atLeast: 0.05, aim: 0.01, less: true, count: true},
			{id: "W1e-bytes", what: "bytes allocated more, a record", unit: "B", less: true, count: true},
			{id: "W1f", what: "metrics on: CPU a record over metrics off", unit: "x", atLeast: 1.05, aim: 1.02, less: true},
			{id: "W1-peer", what: "no-op: throughput over raw kgo", unit: "x"},
			{id: "W1-peer-cpu", what: "no-op: CPU a record over raw kgo", unit: "x"},
			{id: "W1-peer-ns", what: "no-op: CPU a record", unit: "ns"},
		},
	}
}

func w1Partition(ctx context.Context, l *lab) ([]result, error) {
	var all []result
	for _, size := range []int{100, 1000} {
		r, err := l.w1(ctx, size, "kgo", nil, "weir", map[string]string{"order": "partition"})
		if err != nil {
			return all, err
		}
		form := fmt.Sprintf("%d B", size)
		all = append(all, r.ratioRow("W1a", form, perSecond))
		if size == 100 {
			all = append(all, r.addedRow("W1b", form, cpu))
		}
		all = append(all, r.addedRow("W1e", "partition, "+form, allocs), r.addedRow("W1e-bytes", "partition, "+form, allocBytes))
	}
	return all, nil
}

func w1Key(ctx context.Context, l *lab) ([]result, error) {
	key := map[string]string{"order": "key"}
	var all []result
	for _, size := range []int{100, 1000} {
		r, err := l.w1(ctx, size, "kgo", nil, "weir", key)
		if err != nil {
			return all, err
		}
		form := fmt.Sprintf("%d B", size)
		all = append(all, r.ratioRow("W1c", form, perSecond),
			r.addedRow("W1e", "key, "+form, allocs), r.addedRow("W1e-bytes", "key, "+form, allocBytes))
	}
	r, err := l.w1(ctx, 100, "sarama", nil, "weir", key)
	if err != nil {
		return all, err
	}
	return append(all, r.ratioRow("W1c-sarama", "100 B", perSecond), r.ratioRow("W1d", "100 B", cpu)), nil
}

func w1Metrics(ctx context.Context, l *lab) ([]result, error) {
	r, err := l.w1(ctx, 100, "weir", map[string]string{"metrics": "off"}, "weir", nil)
	if err != nil {
		return nil, err
	}
	return []result{r.ratioRow("W1f", "key, 100 B", cpu)}, nil
}

func w1Peers(ctx context.Context, l *lab) ([]result, error) {
	var all []result
	for _, peer := range []string{"sarama", "kafka-go", "watermill"} {
		r, err := l.w1(ctx, 100, "kgo", nil, peer, nil)
		if err != nil {
			return all, err
		}
		all = append(all, r.ratioRow("W1-peer", peer+", 100 B", perSecond), r.ratioRow("W1-peer-cpu", peer+", 100 B", cpu),
			result{gate: "W1-peer-ns", variant: peer + ", 100 B", interval: r.side(true, cpu)})
	}
	return all, nil
}

// w1 compares two subjects on values of so many bytes.
func (l *lab) w1(ctx context.Context, size int, a string, aSet map[string]string, b string, bSet map[string]string) (rounds, error) {
	if l.onReal {
		return l.compare(ctx, size, peers.Spec{Peer: a, Set: aSet}, peers.Spec{Peer: b, Set: bSet})
	}
	address, end, err := l.canned(size)
	if err != nil {
		return nil, err
	}
	defer end()
	spec := func(peer, group string, set map[string]string) peers.Spec {
		return peers.Spec{Peer: peer, Brokers: address, Topic: topicOf(size), Group: group, Set: set}
	}
	return pairs(ctx, spec(a, "a", aSet), spec(b, "b", bSet), l.each, l.budget)
}

// ratioRow is B over A.
func (r rounds) ratioRow(id, form string, of func(piece) float64) result {
	c := r.ratio(of)
	return result{gate: id, variant: form, interval: interval{c.median, c.low, c.high, c.rounds}, control: c.control}
}

// addedRow is B less A. Its control is the ratio of A to A.
func (r rounds) addedRow(id, form string, of func(piece) float64) result {
	return result{gate: id, variant: form, interval: r.added(of), control: r.ratio(of).control}
}
