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
	address, end, err := l.broker(brokerSpec{Topic: topic, Partitions: partitions, Keys: keySpec{Count: pacedKeys}, Paced: pacedRecords})
	if err != nil {
		return nil, err
	}
	defer end()
	from := time.Now().Add(3 * time.Second)
	var all [3]*child // A, B, and A again
	for i := range all {
		s := peers.Spec{
			Peer: "weir", Brokers: address, Topic: topic, Group: fmt.Sprint(i), Handler: pacedTakes,
			Set: map[string]string{"figures": peers.Latency},
		}
		if s.Stuck = (&peers.Stuck{Key: keyName(0), From: from, Until: from.Add(lasts)}); i != 1 {
			s.Stuck.From = s.Stuck.Until.Add(time.Hour) // never, but the key is left out all the same
		}
		if all[i], err = startSubject(ctx, s); err != nil {
			return nil, err
		}
		defer all[i].close()
	}
	r, err := beside(ctx, all, from.Add(500*time.Millisecond), from.Add(lasts))
	if err != nil {
		return nil, err
	}
	p99 := func(p piece) float64 { return p.figures[peers.P99] }
	ms := func(p piece) float64 { return p99(p) / float64(time.Millisecond) }
	form := fmt.Sprintf("%s, %d records/s, %d keys, stuck for %s", pacedTakes, pacedRecords, pacedKeys, lasts)
	return []result{r.ratioRow("W2d", form, p99), {gate: "W2d-p99", variant: form, interval: r.side(false, ms)}}, nil
}

// beside looks at all of them each second; what they have in figures is of that second.
func beside(ctx context.Context, all [3]*child, from, to time.Time) (rounds, error) {
	var rs rounds
	for at := from; at.Before(to); at = at.Add(time.Second) {
		if err := wait(ctx, time.Until(at)); err != nil {
			return rs, err
		}
		var ps [3]piece
		for i, c := range all {
			m, err := c.look()
			if err != nil {
				return rs, err
			}
			ps[i] = piece{figures: m.Figures}
		}
		if at.After(from) { // the first look is the beginning
			rs = append(rs, round{a: ps[0], b: ps[1], control: ps[2]})
		}
	}
	return rs, nil
}
