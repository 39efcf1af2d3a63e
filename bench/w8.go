package main

import (
	"context"
	"fmt"
	"time"

	"github.com/weir-kafka/weir/bench/peers"
)

// W8 is time: from a record's production to its effect, from a start to the first
// record, from a stop to the end; and how often progress is committed.

func w8Chapter() chapter {
	return chapter{
		title: "W8: time",
		workloads: []workload{
			{"W8a-500", w8Latency(500)},
			{"W8a-5000", w8Latency(5000)},
			{"W8a-20000", w8Latency(20_000)},
			{"W8b", w8Start},
			{"W8c", w8Stop},
			{"W8d", w8Commits},
		},
		gates: []gate{
			{id: "W8a-p50", what: "end to end, median: added to raw kgo", unit: "us", atLeast: 150, aim: 40, less: true},
			{id: "W8a-p99", what: "end to end, 99th percentile over raw kgo", unit: "x", atLeast: 1.25, aim: 1.05, less: true},
			{id: "W8a-ms", what: "end to end", unit: "ms"},
			{id: "W8b", what: "start to the first record: added to raw kgo", unit: "ms", atLeast: 30, aim: 5, less: true},
			{id: "W8b-ms", what: "start to the first record", unit: "ms"},
			{id: "W8c-idle", what: "SIGTERM to the exit of weir run, idle", unit: "ms", atLeast: 300, aim: 50, less: true},
			{id: "W8c-busy", what: "end of Run's context to the exit, 1,000 records in flight of 50 ms", unit: "ms", atLeast: 550, aim: 150, less: true},
			{id: "W8d", what: "commit requests of a group", unit: "a second", atLeast: 1, aim: 1, less: true, count: true},
			{id: "W8d-kgo", what: "the same of raw kgo", unit: "a second"},
			{id: "W8d-kgo-idle", what: "the same of raw kgo with nothing to commit", unit: "a second"},
			{id: "W8d-idle", what: "the same with nothing to commit", unit: "a second", atLeast: 0.001, aim: 0, less: true, count: true},
		},
	}
}

const (
	startRounds = 40
	stopRounds  = 10
)

func w8Start(ctx context.Context, l *lab) ([]result, error) {
	// A log that is real, as a group that exists has its offset looked up in it.
	address, end, err := l.broker(brokerSpec{Topic: topicOf(100), Partitions: partitions})
	if err != nil {
		return nil, err
	}
	defer end()
	p, err := startProducer(producerSpec{Brokers: address, Topic: topicOf(100), Partitions: partitions, PerSecond: 1000})
	if err != nil {
		return nil, err
	}
	defer p.close()
	var all []result
	for _, form := range []string{"a new group", "a group that exists"} {
		group := func(peer string, n int) string {
			if form == "a new group" {
				return fmt.Sprintf("new-%s-%d", peer, n)
			}
			return "old-" + peer
		}
		var rs rounds
		for n := range startRounds + 1 {
			var r round
			for i, into := range []*piece{&r.a, &r.b, &r.control} {
				peer := []string{"kgo", "weir", "kgo"}[i]
				s := peers.Spec{Peer: peer, Brokers: address, Topic: topicOf(100), Group: group(peer, 3*n+i)}
				took, err := startToFirst(ctx, s)
				if err != nil {
					return all, err
				}
				into.figures = map[string]float64{"start": took}
			}
			if n > 0 { // the first made the groups
				rs = append(rs, r)
			}
		}
		start := func(p piece) float64 { return p.figures["start"] }
		all = append(all, rs.againRow("W8b", form, start, 1),
			result{gate: "W8b-ms", variant: "kgo, " + form, interval: rs.side(false, start)},
			result{gate: "W8b-ms", variant: "weir, " + form, interval: rs.side(true, start)})
	}
	return all, nil
}

// startToFirst is how many milliseconds passed from before a subject's process was
// started until it was done with its first record.
func startToFirst(ctx context.Context, s peers.Spec) (float64, error) {
	begun := time.Now()
	c, err := startSubject(ctx, s)
	if err != nil {
		return 0, err
	}
	defer c.close()
	m, err := c.look()
	return milliseconds(m.First.Sub(begun)), err
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// commitsFor is how long commits are counted.
const commitsFor = 6 * time.Second

func w8Commits(ctx context.Context, l *lab) ([]result, error) {
	var all []result
	for _, form := range []struct {
		name      string
		perSecond float64 // 0 is as many as can be
	}{{"500 records a second", 500}, {"5,000 records a second", 5000}, {"as many records as can be", 0}} {
		for _, peer := range []string{"kgo", "weir"} {
			busy, idle, err := l.commits(ctx, peer, form.perSecond)
			if err != nil {
				return all, err
			}
			id := "W8d"
			if peer != "weir" {
				id = "W8d-" + peer
			}
			all = append(all, result{gate: id, variant: form.name, interval: medianOf(busy)},
				result{gate: id + "-idle", variant: form.name, interval: medianOf(idle)})
		}
	}
	return all, nil
}

// commits counts those a second of one group while there is something to commit, and
// while there is nothing.
func (l *lab) commits(ctx context.Context, peer string, perSecond float64) (busy, idle []float64, err error) {
	spec := brokerSpec{Topic: topicOf(100), Partitions: partitions}
	if perSecond == 0 {
		spec.Canned = 100
	}
	address, broker, err := startBroker(spec)
	if err != nil {
		return nil, nil, err
	}
	defer broker.close()
	if perSecond > 0 {
		p, err := startProducer(producerSpec{Brokers: address, Topic: spec.Topic, Partitions: partitions, PerSecond: perSecond})
		if err != nil {
			return nil, nil, err
		}
		defer p.close()
	}
	c, err := startSubject(ctx, peers.Spec{Peer: peer, Brokers: address, Topic: spec.Topic, Group: "w8d"})
	if err != nil {
		return nil, nil, err
	}
	defer c.close()
	if err := peers.Wait(ctx, 2*time.Second); err != nil {
		return nil, nil, err
	}
	if busy, err = countCommits(ctx, broker, "look", min(commitsFor, l.budget/2)); err != nil {
		return nil, nil, err
	}
	if _, err := broker.tell("hold"); err != nil {
		return nil, nil, err
	}
	if err := peers.Wait(ctx, 2*time.Second); err != nil {
		return nil, nil, err
	}
	idle, err = countCommits(ctx, broker, "look", min(commitsFor, l.budget/2)/2)
	_, _ = broker.tell("go")
	return busy, idle, err
}

// countCommits returns how many commits came in each second.
func countCommits(ctx context.Context, broker *child, line string, d time.Duration) (each []float64, err error) {
	was, err := broker.tell(line)
	if err != nil {
		return nil, err
	}
	for at := time.Now(); time.Since(at) < d; {
		from := time.Now()
		if err := peers.Wait(ctx, time.Second); err != nil {
			return nil, err
		}
		now, err := broker.tell(line)
		if err != nil {
			return nil, err
		}
		each = append(each, (now-was)/time.Since(from).Seconds())
		was = now
	}
	return each, nil
}
