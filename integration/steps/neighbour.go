package main

import (
	"context"
	"fmt"
	"net"
	"time"

	"github.com/weir-kafka/weir/integration/pool"
)

// neighbourGoodput is the least of what it does alone that a pipeline must do
// beside another, in the same process, whose sink hangs.
const neighbourGoodput = 0.95

// neighbour shows a pipeline alone, beside one whose sink hangs, and alone again.
func neighbour(ctx context.Context) (bool, error) {
	const servers, mean, lasts = 40, 20 * time.Millisecond, 10 * time.Second
	var rates [3]float64
	for i := range rates {
		rate, err := beside(ctx, i == 1, steps(servers, mean), lasts)
		if err != nil {
			return false, err
		}
		rates[i] = rate
	}
	ratio := 2 * rates[1] / (rates[0] + rates[2])
	fmt.Printf("two pipelines  one beside another that hangs %.0f/s, alone %.0f/s and %.0f/s: %.3f\n", rates[1], rates[0], rates[2], ratio)
	if ratio < neighbourGoodput {
		fmt.Printf("  MISSED: want %.2f of alone\n", neighbourGoodput)
	}
	return ratio >= neighbourGoodput, nil
}

// beside returns the goodput of a pipeline, with or without one that hangs.
func beside(ctx context.Context, hung bool, pl plan, lasts time.Duration) (perSecond float64, err error) {
	c, err := newCluster(ctx, net.Listen, &net.Dialer{}, pl.records())
	if err != nil {
		return 0, err
	}
	defer c.Close()
	pools := []*pool.Pool{pool.New(pl.servers, pl.mean)}
	if hung {
		pools = append(pools, pool.New(pl.servers, pl.mean))
		pools[1].Behave(pool.Way{Servers: pl.servers, Frozen: true})
	}
	for i, p := range pools {
		s, end, err := service(ctx, p)
		if err != nil {
			return 0, err
		}
		defer end()
		m, err := c.start(ctx, fmt.Sprint("group", i), s)
		if err != nil {
			return 0, err
		}
		defer func() { _ = m.end() }()
	}
	time.Sleep(recovery)
	pools[0].Behave(pool.Way{Servers: pl.servers})
	time.Sleep(lasts)
	n := pools[0].Behave(pool.Way{Servers: pl.servers}).Served
	return float64(sum(n, 0, int(lasts/time.Second))) / lasts.Seconds(), nil
}
