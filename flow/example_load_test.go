package flow_test

import (
	"fmt"
	"time"

	"github.com/weir-kafka/weir/flow"
)

func ExampleCPULoad() {
	// A real one has no ReadFunc and reads this process.
	c := flow.CPULoad{ReadFunc: func(time.Time) (time.Duration, float64) { return 30 * time.Millisecond, 0.98 }}
	now := time.Unix(0, 0)
	for range 3 {
		fmt.Println(c.Busy(now))
		now = now.Add(250 * time.Millisecond)
	}
	// Output:
	// false
	// false
	// true
}

func ExampleMemoryLoad() {
	used := 0.92
	m := flow.MemoryLoad{ReadFunc: func() float64 { return used }}
	now := time.Unix(0, 0)
	fmt.Println(m.Level(now)) // shed the less important classes

	used = 0.85 // not yet ten points below 0.90
	fmt.Println(m.Level(now.Add(time.Second)))
	// Output:
	// 2
	// 2
}
