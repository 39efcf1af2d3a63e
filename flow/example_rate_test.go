package flow_test

import (
	"fmt"
	"time"

	"github.com/weir-kafka/weir/flow"
)

func ExampleRate() {
	now := time.Unix(0, 0)
	r := flow.Rate{PerSecond: 100, Burst: 10}
	fmt.Println(r.Allow(now, 10), r.Allow(now, 1))
	fmt.Println("wait", r.Reserve(now, 50).Sub(now))
	// Output:
	// true false
	// wait 500ms
}

func ExamplePacer() {
	now := time.Unix(0, 0)
	var p flow.Pacer
	p.SetRate(now, 4) // after a 429
	for range 3 {
		fmt.Println(p.Reserve(now, 1).Sub(now))
	}
	// Output:
	// 250ms
	// 500ms
	// 750ms
}
