package flow_test

import (
	"context"
	"fmt"

	"github.com/weir-kafka/weir/flow"
)

// A connection is taken inside of the call, from a pool as large as the limit can
// become: then a wait for one counts as latency of the call, and holds the limit down.
func Example_pool() {
	const most = 8
	pool := make(chan string, most)
	for i := range most {
		pool <- fmt.Sprint("connection ", i)
	}
	limiter := flow.NewLimiter(flow.Knee(flow.KneeConfig{Max: most}))
	var timeout flow.Timeout
	err := limiter.Do(context.Background(), 1, func(ctx context.Context) error {
		return timeout.Do(ctx, func(ctx context.Context) error {
			select {
			case conn := <-pool:
				defer func() { pool <- conn }()
				fmt.Println("query on", conn)
				return nil
			case <-ctx.Done():
				return ctx.Err()
			}
		})
	})
	fmt.Println(err, cap(pool) >= limiter.Limit())
	// Output:
	// query on connection 0
	// <nil> true
}
