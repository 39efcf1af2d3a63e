package main

import "context"

// W3 is Kafka to Kafka, at least once: values of 1 KB, 8 partitions on both sides. The
// broker answers every fetch from one canned batch and keeps nothing of what is produced.

func w3Chapter() chapter {
	return chapter{
		title:     "W3: Kafka to Kafka",
		workloads: []workload{{"W3-copy", w3Copy}},
		gates: []gate{
			{id: "W3", what: "at least once: throughput over a loop that produces and commits after all acks", unit: "x", atLeast: 0.90, aim: 0.97},
			{id: "W3-cpu", what: "the same: CPU a record over the loop's", unit: "x"},
			{id: "W3-ns", what: "the same: CPU added a record", unit: "ns"},
			{id: "W3-rate", what: "the same: records a second", unit: "/s"},
		},
	}
}

func w3Copy(ctx context.Context, l *lab) ([]result, error) {
	const size = 1000
	s, err := l.source(ctx, size)
	if err != nil {
		return nil, err
	}
	defer s.end()
	set := map[string]string{"into": s.into}
	r, err := pairs(ctx, s.spec("kgo-copy", "a", set), s.spec("weir", "b", set), l.each, l.budget)
	if err != nil {
		return nil, err
	}
	const form = "1 KB"
	return []result{
		r.ratioRow("W3", form, perSecond), r.ratioRow("W3-cpu", form, cpu), r.addedRow("W3-ns", form, cpu),
		{gate: "W3-rate", variant: form, interval: r.side(true, perSecond)},
	}, nil
}
