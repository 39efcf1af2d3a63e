package flow_test

import (
	"fmt"

	"github.com/weir-kafka/weir/flow"
)

func ExampleSemaphore() {
	s := flow.NewSemaphore(10)
	s.SetWeight("gold", 3) // three slots where another gets one

	fmt.Println(s.TryAcquireFor("gold", 8), s.TryAcquireFor("somebody", 3))
	s.ReleaseFor("gold", 8)
	fmt.Println(s.TryAcquireFor("somebody", 3), s.InUse())
	// Output:
	// true false
	// true 3
}
