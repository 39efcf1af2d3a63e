package consumer

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

// Whatever is allowed, taken and ended, and in whatever order: one who waits for
// room is never left waiting while more than an eighth of what was allowed has ended.
func TestTheGateWakesWhoWaitsForRoom(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		synctest.Test(t, func(t *testing.T) { wakes(t, rand.New(rand.NewPCG(seed, 7))) }) //nolint:gosec // a test that can be repeated
	}
}

func wakes(t *testing.T, rnd *rand.Rand) {
	g := newGate(time.Now())
	var held atomic.Int64
	var asleep atomic.Bool
	stop := make(chan struct{})
	var all sync.WaitGroup
	var work []chan int64
	defer func() {
		close(stop)
		for _, c := range work {
			close(c)
		}
		all.Wait()
	}()
	all.Go(func() {
		for {
			g.mu.Lock()
			n, changed := g.left(&held), g.changed
			g.mu.Unlock()
			if n > 0 {
				held.Add(int64(1 + n/2))
				continue
			}
			asleep.Store(true)
			select {
			case <-changed:
				asleep.Store(false)
			case <-stop:
				return
			}
		}
	})
	for range 4 {
		c := make(chan int64, 8)
		work = append(work, c)
		all.Go(func() {
			for n := range c {
				for range n {
					if now := held.Add(-1); now >= 0 {
						g.ended(now)
					} else {
						held.Add(1)
					}
				}
			}
		})
	}
	for range 300 {
		most := rnd.IntN(3) * rnd.IntN(40)
		if rnd.IntN(3) == 0 {
			g.mu.Lock()
			g.allow(held.Load(), most)
			g.mu.Unlock()
		}
		for _, c := range work {
			c <- rnd.Int64N(30)
		}
		synctest.Wait()
		g.mu.Lock()
		room, takes := g.ceiling-held.Load(), g.takes
		g.mu.Unlock()
		if asleep.Load() && takes > 0 && room > int64(takes/8) {
			t.Fatalf("it sleeps although %d may be taken of the %d that were allowed", room, takes)
		}
	}
}
