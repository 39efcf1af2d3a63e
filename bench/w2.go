package main

import (
	"context"
	"fmt"
	"time"

	"github.com/weir-kafka/weir/bench/peers"
)

// W2 is the work of handlers that wait, in key order: how many wait at the same time,
// what a hot key and a stuck one cost the others, and how far work goes on beyond a gap.

func w2Chapter() chapter {
	return chapter{
		title: "W2: handlers that wait, in key order",
		workloads: []workload{
			{"W2a", w2Throughput},
			{"W2b", w2Makespan},
			{"W2c", w2Defaults},
			{"W2d", w2Stuck},
			{"W2e", w2Window},
		},
		gates: []gate{
			{id: "W2a", what: "key order: throughput over as many bare sleepers as can be busy", unit: "x", atLeast: 0.95, aim: 0.99},
			{id: "W2a-cpu", what: "the same: CPU added a record", unit: "ns"},
			{id: "W2b", what: "Zipf: time for all over the hot key in series or all at once", unit: "x", atLeast: 1.10, aim: 1.03, less: true},
			{id: "W2c", what: "defaults on both sides: records a second", unit: "/s"},
			{id: "W2c-per-key", what: "defaults over a goroutine a key", unit: "x"},
			{id: "W2c-partitions", what: "defaults over a loop a partition", unit: "x"},
			{id: "W2d", what: "one key stuck: p99 of the others over none stuck", unit: "x", atLeast: 1.10, aim: 1.02, less: true},
			{id: "W2d-p99", what: "none stuck: p99 from due to acknowledged", unit: "ms"},
			{id: "W2e", what: "one record stuck: done beyond it before the partition pauses", unit: "records", atLeast: 100_000, aim: 1_000_000, count: true},
			{id: "W2e-bytes", what: "the same: commit metadata an offset done", unit: "B", atLeast: 0.2, aim: 0.13, less: true, count: true},
		},
	}
}

// brief reports whether there is time for a few points only.
func (l *lab) brief() bool { return l.budget < 5*time.Second }

const (
	// waitingBytes is the size of values whose records are handled slowly: so a canned
	// batch holds most of the keys of a partition.
	waitingBytes = 40
	// busyPerSecond is how many handlers may end in a second, and mostBusy how many are in
	// flight at most: two processors have time for that three times and for the broker.
	busyPerSecond = 20_000
	mostBusy      = 1000
)

// w2Keys are the numbers of keys, each uniform and, with more than one, in Zipf's proportions.
func w2Keys() (all []keySpec) {
	for _, n := range []int{1, 100, 10_000, 100_000} {
		if all = append(all, keySpec{Count: n}); n > 1 {
			all = append(all, keySpec{Count: n, Exponent: zipf})
		}
	}
	return all
}

func w2Throughput(ctx context.Context, l *lab) ([]result, error) {
	handlers, specs := []time.Duration{1, 5, 10, 50}, w2Keys()
	if l.brief() {
		handlers, specs = []time.Duration{10}, []keySpec{{Count: 100_000}, {Count: 100_000, Exponent: zipf}}
	}
	var all []result
	for _, takes := range handlers {
		for _, k := range specs {
			r, err := l.w2a(ctx, takes*time.Millisecond, k)
			if err != nil {
				return all, err
			}
			all = append(all, r...)
		}
	}
	return all, nil
}

// w2a compares Weir with sleepers. Both have as many in flight as can be busy for long.
func (l *lab) w2a(ctx context.Context, takes time.Duration, k keySpec) ([]result, error) {
	parts := cannedPartitions(k.Count)
	topic := topicOf(waitingBytes)
	mine := keySpec{Count: k.Count / parts, Exponent: k.Exponent} // of one partition
	address, end, err := l.broker(brokerSpec{Topic: topic, Partitions: parts, Canned: waitingBytes, Keys: mine})
	if err != nil {
		return nil, err
	}
	defer end()
	most := min(int(takes.Seconds()*busyPerSecond), mostBusy)
	busy := int(busiest(mine.draw(cannedRecords(waitingBytes, 0)), parts, most))
	sleepers := peers.Spec{Peer: "sleepers", Handler: takes, InFlight: busy}
	weir := peers.Spec{Peer: "weir", Brokers: address, Topic: topic, Group: "b", Handler: takes, InFlight: busy}
	r, err := l.trio(ctx, sleepers, weir, max(l.each, 4*takes))
	if err != nil {
		return nil, err
	}
	form := fmt.Sprintf("%s, %s, %d in flight", takes, k, busy)
	row := r.ratioRow("W2a", form, perSecond)
	row.note = "load " + firstWords("/proc/loadavg", 1) // the sleepers hardly compute, so the control does not show it
	return []result{row, {gate: "W2a-cpu", variant: form, interval: r.added(cpu)}}, nil
}

// w2Defaults sets nothing on Weir, so it has as many in flight as it has by itself. What
// it is compared with is frozen meanwhile: together they are too much for two processors.
func w2Defaults(ctx context.Context, l *lab) ([]result, error) {
	const takes = 10 * time.Millisecond
	address, topic, end, err := l.waiting(ctx, keySpec{Count: keys}, takes)
	if err != nil {
		return nil, err
	}
	defer end()
	form := fmt.Sprintf("%s, %s, ", takes, keySpec{Count: keys})
	all, others := []result(nil), []peers.Spec{{Peer: "per-key", InFlight: mostBusy}, {Peer: "partitions"}}
	if l.brief() {
		others = others[:1]
	}
	for _, a := range others {
		a.Brokers, a.Topic, a.Group, a.Handler = address, topic, a.Peer, takes
		weir := peers.Spec{Peer: "weir", Brokers: address, Topic: topic, Group: "weir-" + a.Peer, Handler: takes}
		r, err := pairsOf(ctx, a, weir, l.each/2, l.budget/2, perSecond)
		if err != nil {
			return all, err
		}
		all = append(all,
			result{gate: "W2c", variant: form + "Weir beside " + a.Peer, interval: r.side(true, perSecond)},
			result{gate: "W2c", variant: form + a.Peer, interval: r.side(false, perSecond)},
			r.ratioRow("W2c-"+a.Peer, form+"Weir over "+a.Peer, perSecond))
	}
	return all, nil
}

// waiting is a topic for handlers that take so long: an endless one, or with a real
// Kafka one that is long enough.
func (l *lab) waiting(ctx context.Context, k keySpec, takes time.Duration) (address []string, topic string, end func(), err error) {
	if len(l.brokers) == 0 {
		topic = topicOf(waitingBytes)
		address, end, err = l.broker(brokerSpec{
			Topic: topic, Partitions: partitions, Canned: waitingBytes, Keys: keySpec{k.Count / partitions, k.Exponent},
		})
		return address, topic, end, err
	}
	topic = fmt.Sprintf("bench-w2-%d", time.Now().UnixNano())
	seconds := (l.budget + 10*time.Second).Seconds()
	ranks := k.draw(int(seconds * mostBusy / takes.Seconds()))
	return l.brokers, topic, func() {}, produce(ctx, l.brokers, topic, partitions, waitingBytes, ranks)
}
