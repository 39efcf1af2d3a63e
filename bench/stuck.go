package main

import (
	"context"
	"fmt"
	"time"

	"github.com/weir-kafka/weir/bench/peers"
)

const (
	pacedRecords = 1000 // a second
	pacedKeys    = 1000
	pacedTakes   = time.Millisecond
)

// w2Stuck runs three of Weir beside each other, so that what disturbs one disturbs all:
// one whose key is stuck and two without, of which one is the control. All consume what
// is produced at one pace.
func w2Stuck(ctx context.Context, l *lab) ([]result, error) {
	const topic = "bench-paced"
	lasts := 30 * time.Second
	if l.brief() {
		lasts = 10 * time.Second
	}
	address, end, err := l.broker(brokerSpec{Topic: topic, Partitions: partitions})
	if err != nil {
		return nil, err
	}
	defer end()
	p, err := startProducer(producerSpec{Brokers: address, Topic: topic, Partitions: partitions, Keys: pacedKeys, PerSecond: pacedRecords})
	if err != nil {
		return nil, err
	}
	defer p.close()
	from := time.Now().Add(3 * time.Second)
	spec := func(group string, stuck bool) peers.Spec {
		s := peers.Spec{
			Peer: "weir", Brokers: address, Topic: topic, Group: group, Handler: pacedTakes, Stamped: true,
			Stuck: &peers.Stuck{Key: keyName(0), From: from, Until: from.Add(lasts)},
		}
		if !stuck {
			s.Stuck.From = s.Stuck.Until // never, but the key is left out all the same
		}
		return s
	}
	all, err := startTrio(ctx, spec("a", false), spec("b", true), spec("again", false))
	if err != nil {
		return nil, err
	}
	defer all.close()
	r, err := all.watch(ctx, from.Add(time.Second/2), time.Second, int(lasts/time.Second)-1)
	if err != nil {
		return nil, err
	}
	p99 := quantileOf(0.99) // in milliseconds
	form := fmt.Sprintf("%s, %d records/s, %d keys, stuck for %s", pacedTakes, pacedRecords, pacedKeys, lasts)
	return []result{r.ratioRow("W2d", form, p99), {gate: "W2d-p99", variant: form, interval: r.side(false, p99)}}, nil
}
