package flow_test

import (
	"fmt"
	"time"

	"github.com/weir-kafka/weir/flow"
)

func ExampleGate() {
	var g flow.Gate
	now := time.Unix(0, 0)
	step := func(in flow.GateInput) {
		now = now.Add(time.Second)
		state, why := g.Step(now, in)
		fmt.Printf("%s %q\n", state, why)
	}
	step(flow.GateInput{Bytes: 10 << 20, Budget: 100 << 20})
	step(flow.GateInput{Bytes: 85 << 20, Budget: 100 << 20})
	step(flow.GateInput{Bytes: 70 << 20, Budget: 100 << 20})
	step(flow.GateInput{Bytes: 50 << 20, Budget: 100 << 20})
	// Output:
	// open ""
	// hold "bytes"
	// hold "bytes"
	// open "drained"
}
