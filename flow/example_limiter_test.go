package flow_test

import (
	"fmt"
	"time"

	"github.com/weir-kafka/weir/flow"
)

// drive runs a limiter for a minute of simulated time against a sink of so many
// servers, each of which works 20 ms at a call. There is always another call.
func drive(alg flow.Algorithm, servers int) *flow.Limiter {
	now := time.Unix(0, 0)
	l := flow.NewLimiter(alg, flow.WithNow(func() time.Time { return now }))
	free := make([]time.Time, servers) // when each server has nothing left to do
	var ends []time.Time               // of the calls in flight, in order
	for calls := 0; now.Before(time.Unix(60, 0)); now = now.Add(time.Millisecond) {
		for len(ends) > 0 && !ends[0].After(now) {
			ends = ends[1:]
			l.Done(flow.Outcome{Kind: flow.Done, Work: 1})
		}
		for ; !l.HoldUntil().After(now) && l.TryAcquire(); calls++ {
			server := &free[calls%servers]
			if server.Before(now) {
				*server = now
			}
			*server = server.Add(20 * time.Millisecond)
			ends = append(ends, *server)
		}
	}
	return l
}

// A limiter with a clock of one's own is driven by a simulator, without a sleep and
// the same each time.
func ExampleWithNow() {
	l := drive(flow.Knee(flow.KneeConfig{Seed: 1}), 40)
	fmt.Println("about as many calls as servers:", l.Limit() > 30 && l.Limit() < 60)
	fmt.Println("a call alone takes about 20 ms:", l.Snapshot().Base.Round(10*time.Millisecond))
	// Output:
	// about as many calls as servers: true
	// a call alone takes about 20 ms: 20ms
}

// Shadow keeps the limit that an operator chose, and says what Knee would do.
func ExampleShadow() {
	for _, servers := range []int{4, 400} {
		s := drive(flow.Shadow(40, flow.KneeConfig{Seed: 1}), servers).Snapshot()
		fmt.Println(servers, "servers: within 40:", s.Limit <= 40, "more:", s.Shadow > 40, "fewer:", s.Shadow < 40)
	}
	// Output:
	// 4 servers: within 40: true more: false fewer: true
	// 400 servers: within 40: true more: true fewer: false
}
