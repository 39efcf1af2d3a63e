package flow_test

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/weir-kafka/weir/flow"
)

func ExampleTimeout() {
	var t flow.Timeout
	now := time.Unix(0, 0)
	fmt.Println(t.Current(now))
	for range 200 {
		now = now.Add(time.Second)
		t.Observe(now, 10*time.Millisecond, flow.Done)
	}
	fmt.Println(t.Current(now)) // four times 10 ms, but not below Min
	// Output:
	// 30s
	// 1s
}

// A call whose time is up has met a side without room, whatever error it returns.
func ExampleDeadline() {
	err := flow.Deadline(context.Background(), time.Millisecond, func(ctx context.Context) error {
		<-ctx.Done()
		return ctx.Err()
	})
	fmt.Println(flow.Classify(err))
	// Output:
	// overload
}

func ExampleTimeout_Do() {
	hung := make(chan struct{})
	over := make(chan struct{})
	t := flow.Timeout{
		Max:      time.Millisecond,
		Grace:    time.Millisecond,
		LateFunc: func(err error, _ time.Duration) { fmt.Println("ended late:", err); close(over) },
	}
	err := t.Do(context.Background(), func(context.Context) error { <-hung; return nil })
	fmt.Println(errors.Is(err, flow.ErrAbandoned), t.Late())
	close(hung)
	<-over
	// Output:
	// true 1
	// ended late: <nil>
}
