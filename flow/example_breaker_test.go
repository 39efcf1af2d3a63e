package flow_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/weir-kafka/weir/flow"
)

func ExampleBreaker() {
	b := flow.Breaker{MinCalls: 2, RandFunc: func() float64 { return 0.5 }}
	call := func(context.Context) error { return errors.New("connection refused") }
	for range 3 {
		err := b.Do(context.Background(), call)
		fmt.Println(err, errors.Is(err, flow.ErrRefused))
	}
	// Output:
	// connection refused false
	// connection refused false
	// breaker is open: refused before any call was made true
}
