package flow_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/weir-kafka/weir/flow"
)

func ExampleAdmission() {
	door := flow.NewAdmission(flow.AdmissionConfig{
		Limiter: flow.NewLimiter(flow.Fixed(1)), // defaults to one that adapts
		Waiting: -1,                             // defaults to 1024 for a short while
		Quotas:  &flow.Quotas{RateFunc: func(tenant string) (float64, int) { return 0.01, 2 }},
	})
	visit := flow.Visit{Level: door.Level(flow.ClassNormal, "acme"), Tenant: "acme"}
	ctx := context.Background()
	for range 3 {
		err := door.Enter(ctx, visit) // each success is followed by one Exit
		var refused *flow.RefusedError
		if errors.As(err, &refused) {
			fmt.Println(refused.Reason, refused.RetryAfter > 0)
			continue
		}
		fmt.Println("in")
	}
	door.Exit(flow.Outcome{Kind: flow.Done, Work: 1})
	// Output:
	// in
	// overloaded: no room true
	// quota used up true
}
