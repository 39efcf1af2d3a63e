package main

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/weir-kafka/weir/integration/lab"
	"github.com/weir-kafka/weir/integration/ledger"
)

// Sessions. The broker throws a member out that waits for a join for longer than
// its session, and it waits for the session of one that was killed: that one's is
// the shortest.
const (
	longSession    = 45 * time.Second
	visitorSession = 30 * time.Second
	doomedSession  = 8 * time.Second
)

// between returns a time between a and b.
func between(rng *rand.Rand, a, b time.Duration) time.Duration {
	return a + time.Duration(rng.Int64N(int64(b-a)))
}

// pause waits for d, and reports whether ctx goes on.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

// fault notes one, and runs it.
func (s *soak) fault(what, scope string, run func()) {
	s.faults.add(what)
	s.lab.Log.Add(ledger.Event{Kind: ledger.Fault, Note: what, Scope: scope})
	run()
	s.lab.Log.Add(ledger.Event{Kind: ledger.Clear, Note: what, Scope: scope})
}

// outage is so long that a member which would not be heard of while its sink takes
// nothing is missed: longer than every session. A short run has none.
const (
	outage       = longSession + 5*time.Second
	leastForThat = 5 * time.Minute
)

// temper gives the service a mood, again and again, and once takes it away.
func (s *soak) temper(ctx context.Context, rng *rand.Rand) {
	moods := s.side.moods()
	names := slices.Sorted(maps.Keys(moods))
	begun, out := time.Now(), s.lasts < leastForThat
	for pause(ctx, between(rng, 1500*time.Millisecond, 5*time.Second)) {
		what := names[rng.IntN(len(names))]
		lasts := between(rng, 300*time.Millisecond, 2500*time.Millisecond)
		if !out && time.Since(begun) > s.lasts/6 {
			out, what, lasts = true, []string{"hanging", "refusing"}[rng.IntN(2)], outage
		}
		s.fault(what, ledger.ScopeSink, func() {
			s.side.moody.Store(true)
			s.lab.Behave(moods[what](time.Now().Add(lasts)))
			pause(ctx, lasts)
			s.lab.Behave(s.side.fine)
			s.side.moody.Store(false)
		})
	}
}

// cut ends a member's connections to the broker, again and again.
func (s *soak) cut(ctx context.Context, rng *rand.Rand) {
	for pause(ctx, between(rng, 2*time.Second, 8*time.Second)) {
		m := s.pick(rng)
		s.fault("cut connections", "group", m.Cut)
	}
}

// freeze stops a member for some seconds, again and again.
func (s *soak) freeze(ctx context.Context, rng *rand.Rand) {
	for pause(ctx, between(rng, 10*time.Second, 30*time.Second)) {
		m := s.pick(rng)
		s.fault("frozen", "group", func() {
			if err := m.Freeze(ctx, between(rng, 500*time.Millisecond, 4*time.Second)); err != nil {
				s.fail(err)
			}
		})
	}
}

// pick returns one of the members that are there.
func (s *soak) pick(rng *rand.Rand) *lab.Member {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.visitor != nil && rng.IntN(2) == 0 {
		return s.visitor
	}
	return s.member
}

// visit lets a second member join and leave, again and again. One in four is killed.
func (s *soak) visit(ctx, whole context.Context, rng *rand.Rand) {
	for pause(ctx, between(rng, 2*time.Second, 8*time.Second)) {
		doomed := rng.IntN(4) == 0
		if err := s.visitOnce(ctx, whole, between(rng, 4*time.Second, 20*time.Second), doomed); err != nil {
			s.fail(err)
			return
		}
	}
}

func (s *soak) visitOnce(ctx, whole context.Context, lasts time.Duration, doomed bool) error {
	session := visitorSession
	if doomed {
		session = doomedSession
	}
	s.faults.add("joined")
	m, err := s.lab.Start(whole, session, nil)
	if err != nil {
		return err
	}
	s.set(m)
	defer s.set(nil)
	end := s.sampler.begin(ctx, m, false)
	defer end()
	if err := m.Busy(whole); err != nil {
		m.Abandon()
		return fmt.Errorf("visitor %d: %w", m.N, err)
	}
	pause(ctx, lasts)
	s.set(nil)
	end() // of one that has ended nothing is read
	if !doomed {
		s.faults.add("left")
		return m.Stop()
	}
	s.faults.add("killed")
	return m.Kill(whole)
}

func (s *soak) set(visitor *lab.Member) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.visitor = visitor
}
