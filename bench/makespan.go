package main

import (
	"context"
	"fmt"
	"time"

	"github.com/weir-kafka/weir/bench/peers"
)

const (
	makespanRecords = 10_000
	makespanTakes   = 2 * time.Millisecond
)

// w2Makespan gives Weir a topic that ends. With few in flight all of the work is what
// bounds it, with many the hot key; in between, with as many as both take the same
// time for, every pause of the hot key shows.
func w2Makespan(ctx context.Context, l *lab) ([]result, error) {
	const topic = "bench-makespan"
	k := keySpec{Count: keys, Exponent: zipf}
	ranks := k.draw(makespanRecords)
	address, end, err := l.broker(brokerSpec{Topic: topic, Partitions: partitions})
	if err != nil {
		return nil, err
	}
	defer end()
	if err := produce(ctx, address, topic, partitions, waitingBytes, ranks); err != nil {
		return nil, err
	}
	even := len(ranks) / hottest(ranks)
	trials, points := 3, []int{even / 2, even, 2 * even, 8 * even, 0}
	if l.brief() {
		trials, points = 1, []int{even, 8 * even}
	}
	var all []result
	for _, inFlight := range points {
		m := &makespans{topic: topic, address: address, ranks: ranks, inFlight: inFlight, each: l.each}
		r, err := m.row(ctx, trials)
		if err != nil {
			return all, err
		}
		all = append(all, r)
	}
	return all, nil
}

// makespans are the trials with so many in flight; 0 is Weir's default.
type makespans struct {
	topic    string
	address  []string
	ranks    []int
	inFlight int
	each     time.Duration

	over, control []float64
}

// defaultInFlight is how many handlers Weir has wait without being told.
const defaultInFlight = 512

func (m *makespans) row(ctx context.Context, trials int) (result, error) {
	busy := m.inFlight
	form := fmt.Sprintf("%d in flight", busy)
	if busy == 0 {
		busy, form = defaultInFlight, "default in flight"
	}
	sleepers, err := startSubject(ctx, peers.Spec{Peer: "sleepers", Handler: makespanTakes, InFlight: min(busy, hundred)})
	if err != nil {
		return result{}, err
	}
	defer sleepers.close()
	if err := sleepers.freeze(); err != nil {
		return result{}, err
	}
	for i := range trials {
		if err := m.trial(ctx, sleepers, fmt.Sprintf("%d-%d", m.inFlight, i), min(busy, hundred), busy); err != nil {
			return result{}, err
		}
	}
	return result{
		gate: "W2b", variant: fmt.Sprintf("%d records, %s, %s, %s", len(m.ranks), makespanTakes, keySpec{keys, zipf}, form),
		interval: medianOf(m.over), control: medianOf(m.control),
	}, nil
}

// hundred sleepers are enough to learn how long a wait takes here.
const hundred = 100

// trial compares with how long a handler takes on this machine just then, before and after.
func (m *makespans) trial(ctx context.Context, sleepers *child, group string, asleep, busy int) error {
	before, err := sleepers.piece(ctx, m.each)
	if err != nil {
		return err
	}
	span, err := m.run(ctx, group)
	if err != nil {
		return err
	}
	after, err := sleepers.piece(ctx, m.each)
	if err != nil {
		return err
	}
	took := float64(asleep) / ((before.perSecond + after.perSecond) / 2) * float64(time.Second)
	m.over = append(m.over, float64(span)/float64(makespan(m.ranks, busy, time.Duration(took))))
	m.control = append(m.control, after.perSecond/before.perSecond)
	return nil
}

// run lets Weir do all of the work once.
func (m *makespans) run(ctx context.Context, group string) (time.Duration, error) {
	weir, err := startSubject(ctx, peers.Spec{
		Peer: "weir", Brokers: m.address, Topic: m.topic, Group: group, Handler: makespanTakes, InFlight: m.inFlight,
		Set: map[string]string{"figures": peers.Span},
	})
	if err != nil {
		return 0, err
	}
	defer weir.close()
	for {
		now, err := weir.look()
		if err != nil {
			return 0, err
		}
		if now.Records >= int64(len(m.ranks)) {
			return time.Duration(now.Figures[peers.Span]), nil
		}
		if err := peers.Wait(ctx, 20*time.Millisecond); err != nil {
			return 0, err
		}
	}
}
