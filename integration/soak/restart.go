package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/weir-kafka/weir/integration/lab"
)

// standstill is for how long a partition may stand still after a restart of the
// broker with records from before, whatever else happens: an outage of the service,
// and a member that is killed meanwhile. How long it takes to catch up with them all
// is the machine's, and what other work it has.
const standstill = outage + time.Minute

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
		if err := s.catchUp(whole, ends); err != nil && whole.Err() == nil {
			s.miss(fmt.Sprintf("stuck: %s, and %v", what, err))
		}
		s.faults.slowest(time.Since(at))
	}
}

// catchUp waits until what was written before ends is committed. It is an error when
// a partition stands still.
func (s *soak) catchUp(ctx context.Context, ends []int64) error {
	left := progress{since: make([]time.Time, len(ends)), missing: make([]int64, len(ends))}
	for {
		missing := s.lab.Missing(ctx, ends)
		p, still := left.see(time.Now(), missing)
		switch {
		case missing != nil && left.none():
			return nil
		case still > standstill:
			return fmt.Errorf("for %s nothing of partition %d is committed, %d records from before are not", still.Round(time.Second), p, left.missing[p])
		case !pause(ctx, 50*time.Millisecond):
			return ctx.Err()
		}
	}
}

// progress is since when each partition has been where it is.
type progress struct {
	since   []time.Time
	missing []int64
}

// see takes what is missing now, nil when nobody says, and returns the partition
// that has stood still for longest while something of it was missing.
func (l *progress) see(now time.Time, missing []int64) (p int, still time.Duration) {
	for i := range l.since {
		if l.since[i].IsZero() || missing != nil && (missing[i] < l.missing[i] || missing[i] == 0) {
			l.since[i] = now
		}
		if missing != nil {
			l.missing[i] = missing[i]
		}
		if d := now.Sub(l.since[i]); d > still {
			p, still = i, d
		}
	}
	return p, still
}

func (l *progress) none() bool {
	return !slices.ContainsFunc(l.missing, func(n int64) bool { return n > 0 })
}
