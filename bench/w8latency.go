package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"time"

	"github.com/weir-kafka/weir/bench/peers"
)

const (
	// caughtUp is how long a subject that was frozen may take for what it missed.
	caughtUp = 400 * time.Millisecond
	// latencyEach is the length of a piece: at 500 a second its 99th percentile is the
	// fourth of its records from the top.
	latencyEach = 800 * time.Millisecond
)

func w8Latency(perSecond float64) func(context.Context, *lab) ([]result, error) {
	return func(ctx context.Context, l *lab) ([]result, error) {
		rs, err := l.latency(ctx, perSecond)
		if err != nil {
			return nil, err
		}
		form := fmt.Sprintf("%.0f a second", perSecond)
		p50, p99 := quantileOf(0.50), quantileOf(0.99)
		all := []result{rs.againRow("W8a-p50", form, p50, 1000), rs.ratioRow("W8a-p99", form, p99)}
		for i, peer := range []string{"kgo", "weir"} {
			note := fmt.Sprintf("p99 %s", rs.side(i == 1, p99))
			all = append(all, result{gate: "W8a-ms", variant: peer + ", " + form, interval: rs.side(i == 1, p50), note: note})
		}
		return all, nil
	}
}

// againRow is B less A, in a unit of which there are so many in that of the quantity.
// Its control is in its note, and what A has more of than A: of times that are short
// themselves a ratio would say little.
func (r rounds) againRow(id, form string, of func(piece) float64, units float64) result {
	again := make([]float64, len(r))
	for i, x := range r {
		again[i] = (of(x.control) - of(x.a)) * units
	}
	return result{gate: id, variant: form, interval: r.added(of).times(units), note: fmt.Sprintf("A/A adds %s", medianOf(again))}
}

func (i interval) times(k float64) interval {
	return interval{i.median * k, i.low * k, i.high * k, i.n}
}

// latency measures the raw loop and Weir in turn on a topic that a producer fills on
// its schedule. Both have all records; what waited while one was frozen is gone before
// it is measured.
func (l *lab) latency(ctx context.Context, perSecond float64) (rounds, error) {
	topic := "stamped"
	address, end, err := l.broker(brokerSpec{Topic: topic, Partitions: partitions})
	if err != nil {
		return nil, err
	}
	defer end()
	p, err := startProducer(producerSpec{Brokers: address, Topic: topic, Partitions: partitions, Keys: keys, PerSecond: perSecond})
	if err != nil {
		return nil, err
	}
	defer p.close()
	var pair [2]*child
	for i, peer := range []string{"kgo", "weir"} {
		if pair[i], err = startSubject(ctx, peers.Spec{Peer: peer, Brokers: address, Topic: topic, Group: peer, Stamped: true}); err != nil {
			return nil, err
		}
		defer pair[i].close()
		if err := settle(ctx, pair[i]); err != nil {
			return nil, err
		}
	}
	var all rounds
	for begun := time.Now(); len(all) < fewestRounds || time.Since(begun) < l.budget && all.ratio(quantileOf(0.5)).void; {
		var r round
		for i, into := range []*piece{&r.a, &r.b, &r.control} {
			if *into, err = pair[i%2].latePiece(ctx, caughtUp, latencyEach); err != nil {
				return all, err
			}
		}
		all = append(all, r)
	}
	return all, nil
}

// quantileOf returns the quantile in milliseconds of the latencies in a piece's figures.
func quantileOf(q float64) func(piece) float64 {
	return func(p piece) float64 {
		type bucket struct{ ns, n float64 }
		var all []bucket
		var total float64
		for k, n := range p.figures {
			if ns, err := strconv.ParseFloat(k, 64); err == nil && n > 0 {
				all = append(all, bucket{ns, n})
				total += n
			}
		}
		slices.SortFunc(all, func(a, b bucket) int { return int(a.ns - b.ns) })
		var below float64
		for _, b := range all {
			if below += b.n; below >= q*total {
				return b.ns / 1e6
			}
		}
		return 0
	}
}
