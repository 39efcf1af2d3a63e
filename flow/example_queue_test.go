package flow_test

import (
	"fmt"

	"github.com/weir-kafka/weir/flow"
)

func ExampleQueue() {
	q := flow.Queue[string]{
		MaxItems: 2,
		DropFunc: func(item string) { fmt.Println("dropped", item) },
	}
	fmt.Println(q.TryPush("a"), q.TryPush("b"), q.TryPush("c"))
	q.Displace("d") // the oldest makes room
	item, _ := q.TryPop()
	fmt.Println("got", item)
	// Output:
	// true true false
	// dropped a
	// got b
}
