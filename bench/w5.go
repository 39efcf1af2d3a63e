package main

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// W5 is Kafka to HTTP, a request a record, values of 1 KB: over a loop with as many
// workers as the sink may have connections. The service answers at once, or after 5 ms.

func w5Chapter() chapter {
	return chapter{
		title:     "W5: Kafka to HTTP",
		workloads: []workload{{"W5-at-once", w5AtOnce}, {"W5-5ms", w5FiveMilliseconds}},
		gates: []gate{
			{id: "W5", what: "throughput over a net/http loop of as many connections", unit: "x", atLeast: 0.85, aim: 0.95},
			{id: "W5-cpu", what: "the same: CPU a record over the loop's", unit: "x"},
			{id: "W5-rate", what: "the same: records a second", unit: "/s"},
		},
	}
}

func w5AtOnce(ctx context.Context, l *lab) ([]result, error) { return l.w5(ctx, 0, 16) }

func w5FiveMilliseconds(ctx context.Context, l *lab) ([]result, error) {
	return l.w5(ctx, 5*time.Millisecond, 32)
}

func (l *lab) w5(ctx context.Context, takes time.Duration, conns int) ([]result, error) {
	const size = 1000
	s, err := l.source(ctx, size)
	if err != nil {
		return nil, err
	}
	defer s.end()
	to, err := startServices(serviceSpec{Takes: takes})
	if err != nil {
		return nil, err
	}
	defer to.close()
	loop := map[string]string{"url": to.urls[0], "conns": strconv.Itoa(conns)}
	weir := map[string]string{"url": to.urls[0], "limit": fmt.Sprintf("max:%d", conns)}
	r, err := pairs(ctx, s.spec("http-loop", "a", loop), s.spec("weir", "b", weir), l.each, l.budget)
	if err != nil {
		return nil, err
	}
	form := fmt.Sprintf("1 KB, %s, %d connections", takes, conns)
	return []result{
		r.ratioRow("W5", form, perSecond), r.ratioRow("W5-cpu", form, cpu),
		{gate: "W5-rate", variant: form, interval: r.side(true, perSecond)},
	}, nil
}
