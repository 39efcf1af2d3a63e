package flow_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-kafka/weir/flow"
)

// A limiter in front of anything that can be slow, full or broken: it finds out
// how many calls may be in flight, and what errors mean.
func Example() {
	limiter := flow.NewLimiter(flow.Knee(flow.KneeConfig{Sink: "orders", Max: 64}))
	ctx := context.Background()
	call := func(rows int, answer error) {
		err := limiter.Do(ctx, rows, func(context.Context) error {
			return answer // a query, a request ...
		})
		switch flow.Classify(err) {
		case flow.Done:
			fmt.Println(rows, "rows are there")
		case flow.Reject:
			fmt.Println("never try again:", err)
		default:
			fmt.Println("try again in", flow.RetryAfter(err))
		}
	}
	call(100, nil)
	call(1, flow.Permanent(errors.New("not null")))
	call(10, flow.Overloaded(errors.New("too many connections"), 2*time.Second))
	s := limiter.Snapshot()
	fmt.Println(s.Limit, "calls may be in flight, but none now:", s.Reason)
	// Output:
	// 100 rows are there
	// never try again: not null
	// try again in 2s
	// 4 calls may be in flight, but none now: retry-after
}
