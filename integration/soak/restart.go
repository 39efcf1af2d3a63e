package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/weir-kafka/weir/integration/lab"
)

// recovery is how long after a restart of the broker it may take, whatever else
// happens, until all is committed that was written before it: an outage of the
// service, as long again to make up for it, and a member that is killed meanwhile.
const recovery = 2*outage + time.Minute

// restart ends the broker and starts it again, again and again, and demands
// progress after each.
func (s *soak) restart(ctx, whole context.Context, rng *rand.Rand) {
	for pause(ctx, between(rng, 10*time.Second, 40*time.Second)) {
		how, what := lab.Stop, "broker restarted"
		if rng.IntN(2) == 0 {
			how, what = lab.Kill, "broker killed"
		}
		s.faults.add(what)
		ends, err := s.lab.RestartBroker(whole, how)
		if err != nil {
			s.fail(err)
			return
		}
		at := time.Now()
		err = lab.Until(whole, recovery, "what was written before is committed", func() bool { return s.lab.Behind(whole, ends) == 0 })
		if err != nil && whole.Err() == nil {
			s.miss(fmt.Sprintf("stuck: %s, and %s later %d records from before are not committed", what, recovery, s.lab.Behind(whole, ends)))
		}
		s.faults.slowest(time.Since(at))
	}
}
