package main

import (
	"context"
	"fmt"
	"math"
	"time"

	"github.com/weir-kafka/weir/bench/peers"
)

const (
	repeating = 2_000_000  // records that share 10,000 keys
	distinct  = 10_000_000 // and those with a key of their own
	keyRuns   = 2
	keysEach  = 50 * time.Millisecond
)

func w7Keys(ctx context.Context, l *lab) ([]result, error) {
	address, broker, err := startBroker(brokerSpec{Topic: topicOf(100), Partitions: partitions, Canned: 100})
	if err != nil {
		return nil, err
	}
	defer broker.close()
	s := peers.Spec{Peer: "weir", Brokers: address, Topic: topicOf(100), Repeating: repeating}
	var bytes []float64
	var old *child
	for n := range keyRuns {
		s.Group = fmt.Sprintf("keys-%d", n)
		if old, err = startSubject(ctx, s); err != nil {
			return nil, err
		}
		defer old.close()
		each, err := seeKeys(ctx, old, broker)
		if err != nil {
			return nil, err
		}
		bytes = append(bytes, each)
		if err := old.freeze(); err != nil {
			return nil, err
		}
	}
	s.Group, s.Repeating = "few keys", math.MaxInt64
	few, err := startSubject(ctx, s)
	if err != nil {
		return nil, err
	}
	defer few.close()
	if err := settle(ctx, few); err != nil {
		return nil, err
	}
	r, err := inTurn(ctx, few, old, l.each, l.budget, cpu)
	if err != nil {
		return nil, err
	}
	return []result{
		{gate: "W7b", variant: "100 B", interval: medianOf(bytes), note: "of two runs"},
		r.ratioRow("W7b-slope", "key, 100 B", cpu),
	}, nil
}

// seeKeys lets a subject see all keys, and returns how many bytes more are live after
// them, for each.
func seeKeys(ctx context.Context, c, broker *child) (bytes float64, err error) {
	if err := until(ctx, c, repeating); err != nil {
		return 0, err
	}
	before, err := holdStill(ctx, c, broker)
	if err != nil {
		return 0, err
	}
	if err := until(ctx, c, before.Records+distinct); err != nil {
		return 0, err
	}
	after, err := holdStill(ctx, c, broker)
	return (float64(after.Live) - float64(before.Live)) / float64(after.Records-before.Records), err
}

// until waits until a subject has consumed so many.
func until(ctx context.Context, c *child, records int64) error {
	for {
		m, err := c.look()
		if err != nil || m.Records >= records {
			return err
		}
		if err := peers.Wait(ctx, keysEach); err != nil {
			return err
		}
	}
}

// holdStill looks at a subject while it gets nothing and has finished what it had.
func holdStill(ctx context.Context, c, broker *child) (m moment, err error) {
	if _, err := broker.tell("hold"); err != nil {
		return m, err
	}
	for was := int64(-1); m.Records != was; {
		was = m.Records
		if err := peers.Wait(ctx, time.Second); err != nil {
			return m, err
		}
		if m, err = c.rest(); err != nil {
			return m, err
		}
	}
	_, err = broker.tell("go")
	return m, err
}
