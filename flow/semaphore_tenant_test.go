package flow_test

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weir-kafka/weir/flow"
)

// share runs loops for each tenant, each of which takes a slot and keeps it for hold,
// and returns how many each tenant got in a minute.
func share(t *testing.T, s *flow.Semaphore, loops map[string]int, hold func(tenant string) time.Duration) map[string]int {
	t.Helper()
	var (
		mu  sync.Mutex
		all sync.WaitGroup
		got = make(map[string]int)
	)
	end := time.Now().Add(time.Minute)
	for tenant, n := range loops {
		for range n {
			all.Go(func() {
				for time.Now().Before(end) {
					if s.AcquireFor(t.Context(), tenant, 1) != nil {
						return
					}
					time.Sleep(hold(tenant))
					s.ReleaseFor(tenant, 1)
					mu.Lock()
					got[tenant]++
					mu.Unlock()
				}
			})
		}
	}
	all.Wait()
	return got
}

func TestSemaphoreSharesByWeightHoweverManyAsk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := flow.NewSemaphore(4)
		s.SetWeight("gold", 3)
		s.SetWeight("basic", 1)
		got := share(t, s, map[string]int{"gold": 8, "basic": 100}, func(string) time.Duration { return 10 * time.Millisecond })
		if ratio := float64(got["gold"]) / float64(got["basic"]); ratio < 2.9 || ratio > 3.1 {
			t.Errorf("served %v, want three to one", got)
		}
		if total := got["gold"] + got["basic"]; total < 23900 {
			t.Errorf("served %d in a minute, want all of 4 slots: 24000", total)
		}
	})
}

// Turns alone do not help against one whose calls take a hundred times as long:
// it would come to hold every slot.
func TestSlowTenantCannotHoldEverySlotWhileOthersWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := flow.NewSemaphore(8)
		s.SetWeight("slow", 1)
		s.SetWeight("quick", 1)
		got := share(t, s, map[string]int{"slow": 50, "quick": 50}, func(tenant string) time.Duration {
			if tenant == "slow" {
				return time.Second
			}
			return 10 * time.Millisecond
		})
		if got["quick"] < 2*59*100 { // 2 of 8 slots for a minute; without the cap about as few as slow
			t.Errorf("served %v: the slow tenant holds more than its share by half", got)
		}
	})
}

func TestTenantMayUseEverySlotThatNobodyElseWants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := flow.NewSemaphore(4)
		s.SetWeight("one", 1)
		s.SetWeight("other", 100)
		s.TryAcquireFor("other", 1)
		for range 3 {
			go func() { _ = s.AcquireFor(t.Context(), "one", 1) }()
		}
		synctest.Wait()
		if got := s.InUse(); got != 4 {
			t.Errorf("%d in use, want all 4", got)
		}
	})
}

func TestReleaseOfAnotherTenantsSlotsIsIgnored(t *testing.T) {
	t.Parallel()
	s := flow.NewSemaphore(4)
	s.TryAcquireFor("one", 2)
	s.ReleaseFor("other", 1)
	s.Release(1)
	if got := s.InUse(); got != 2 {
		t.Errorf("%d in use, want 2", got)
	}
	s.ReleaseFor("one", 9)
	if got := s.InUse(); got != 0 {
		t.Errorf("%d in use, want none", got)
	}
}

func TestReleaseTakesNothingFromThoseWhoShareAQueue(t *testing.T) {
	t.Parallel()
	s := flow.NewSemaphore(1000)
	for i := range 200 { // more than there are queues
		s.TryAcquireFor(string(rune('a'+i)), 1)
	}
	for i := range 100 {
		s.ReleaseFor(string(rune('a'+i)), 5)
	}
	if got := s.InUse(); got != 100 {
		t.Errorf("%d in use, want 100", got)
	}
}
