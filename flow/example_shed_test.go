package flow_test

import (
	"fmt"
	"time"

	"github.com/weir-kafka/weir/flow"
)

func ExampleShedder() {
	var s flow.Shedder
	now := time.Unix(0, 0)
	health, batch := s.Level(now, 0, "probe"), s.Level(now, 4, "acme")
	fmt.Println(s.Admit(now, health), s.Admit(now, batch))

	s.Press(false, 1) // memory is short: only the first class
	fmt.Println(s.Admit(now, health), s.Admit(now, batch))
	// Output:
	// true true
	// true false
}
