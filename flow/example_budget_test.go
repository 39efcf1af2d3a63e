package flow_test

import (
	"errors"
	"fmt"

	"github.com/weir-kafka/weir/flow"
)

func ExampleRetryBudget() {
	var b flow.RetryBudget
	down := errors.New("connection refused")
	retries := 0
	for b.Allow(down) {
		retries++
	}
	fmt.Println(retries, b.Tokens())
	// Output:
	// 50 50
}
