package flow_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weir-kafka/weir/flow"
)

// newDoor returns a door with n places, at a process that has all it needs.
func newDoor(n int, set func(*flow.AdmissionConfig)) *flow.Admission {
	cfg := flow.AdmissionConfig{
		Limiter: flow.NewLimiter(flow.Fixed(n)),
		CPU:     &flow.CPULoad{ReadFunc: func(time.Time) (time.Duration, float64) { return 0, 0 }},
		Memory:  &flow.MemoryLoad{ReadFunc: func() float64 { return 0 }},
	}
	if set != nil {
		set(&cfg)
	}
	return flow.NewAdmission(cfg)
}

func served() flow.Outcome { return flow.Outcome{Kind: flow.Done, Work: 1} }

// normal is a visit of the class that nobody said anything about.
func normal(a *flow.Admission) flow.Visit { return flow.Visit{Level: a.Level(flow.ClassNormal, "")} }

// knock returns how long Enter took, and what it said.
func knock(ctx context.Context, a *flow.Admission, v flow.Visit) (time.Duration, error) {
	start := time.Now()
	err := a.Enter(ctx, v)
	return time.Since(start), err
}

// mustRefuse fails unless err is a refusal that says when to come again.
func mustRefuse(t *testing.T, err error) *flow.RefusedError {
	t.Helper()
	var refused *flow.RefusedError
	if !errors.As(err, &refused) || !errors.Is(err, flow.ErrRefused) {
		t.Fatalf("got %v, want a refusal", err)
	}
	if after := refused.RetryAfter; after < time.Second || after%time.Second != 0 {
		t.Fatalf("got a time to come again of %s, want whole seconds", after)
	}
	return refused
}

func TestRequestWaitsForItsTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newDoor(1, nil)
		if took, err := knock(t.Context(), a, normal(a)); err != nil || took != 0 {
			t.Fatalf("got %v after %s, want in at once", err, took)
		}
		time.AfterFunc(30*time.Millisecond, func() { a.Exit(served()) })
		if took, err := knock(t.Context(), a, normal(a)); err != nil || took != 30*time.Millisecond {
			t.Fatalf("got %v after %s, want in after 30ms", err, took)
		}
		a.Exit(served())
		if s := a.Snapshot(); s.InFlight != 0 || s.Queued != 0 || s.Refused != 0 {
			t.Errorf("got %+v, want nobody here", s)
		}
	})
}

func TestWaitIsIntervalAndUnderOverloadTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newDoor(1, func(c *flow.AdmissionConfig) { c.Target = 5 * time.Millisecond })
		if err := a.Enter(t.Context(), normal(a)); err != nil {
			t.Fatal(err)
		}
		critical := flow.Visit{Level: a.Level(flow.ClassCritical, "")}
		for _, c := range []struct {
			name  string
			visit flow.Visit
			want  time.Duration
		}{
			{"first", normal(a), 100 * time.Millisecond},
			{"second", normal(a), 5 * time.Millisecond},
			{"critical", critical, 100 * time.Millisecond},
		} {
			took, err := knock(t.Context(), a, c.visit)
			mustRefuse(t, err)
			if took != c.want {
				t.Errorf("%s: got refused after %s, want %s", c.name, took, c.want)
			}
		}
		a.Exit(served())
		time.Sleep(1100 * time.Millisecond) // nobody waits
		if err := a.Enter(t.Context(), normal(a)); err != nil {
			t.Fatal(err)
		}
		if took, _ := knock(t.Context(), a, normal(a)); took != 100*time.Millisecond {
			t.Errorf("got refused after %s, want 100ms: the overload has passed", took)
		}
	})
}

func TestFullQueueRefusesAtOnce(t *testing.T) {
	for name, waiting := range map[string]int{"no queue": -1, "a queue of two": 2} {
		synctest.Test(t, func(t *testing.T) {
			a := newDoor(1, func(c *flow.AdmissionConfig) { c.Waiting = waiting })
			if err := a.Enter(t.Context(), normal(a)); err != nil {
				t.Fatal(err)
			}
			var wg sync.WaitGroup
			for range waiting {
				wg.Go(func() { _ = a.Enter(t.Context(), normal(a)) })
			}
			synctest.Wait()
			took, err := knock(t.Context(), a, normal(a))
			mustRefuse(t, err)
			if took != 0 {
				t.Errorf("%s: got refused after %s, want at once", name, took)
			}
			wg.Wait()
		})
	}
}

// A limiter that was told to hold has room again without any request having left.
func TestWaiterIsLetInWhenAHoldPasses(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := flow.NewLimiter(flow.Fixed(1))
		a := newDoor(1, func(c *flow.AdmissionConfig) { c.Limiter = l })
		if err := a.Enter(t.Context(), normal(a)); err != nil {
			t.Fatal(err)
		}
		a.Exit(flow.Outcome{Kind: flow.Overload, RetryAfter: 40 * time.Millisecond})
		took, err := knock(t.Context(), a, normal(a))
		if err != nil || took < 40*time.Millisecond || took > 50*time.Millisecond {
			t.Fatalf("got %v after %s, want in after about 40ms", err, took)
		}
		a.Exit(served())
	})
}

func TestVisitorThatLeavesTakesNoPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newDoor(1, nil)
		if err := a.Enter(t.Context(), normal(a)); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
		defer cancel()
		took, err := knock(ctx, a, normal(a))
		if !errors.Is(err, context.DeadlineExceeded) || took != 10*time.Millisecond {
			t.Fatalf("got %v after %s, want the error of its context after 10ms", err, took)
		}
		if err := a.Enter(ctx, normal(a)); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("got %v, want the error of a context that has ended", err)
		}
		a.Exit(served())
		if s := a.Snapshot(); s.InFlight != 0 {
			t.Errorf("got %d in flight, want none", s.InFlight)
		}
		if err := a.Enter(t.Context(), normal(a)); err != nil {
			t.Errorf("got %v, want in: the one before has left", err)
		}
	})
}

// Requests come, wait, are called in and give up at the same moments, at random.
func TestNoPlaceIsLostAmongVisitorsThatComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const places = 4
		a := newDoor(places, nil)
		var wg sync.WaitGroup
		var mu sync.Mutex
		inside, most := 0, 0
		rnd := rand.New(rand.NewPCG(1, 2))
		for range 5000 {
			patience, work := time.Duration(rnd.IntN(4))*time.Millisecond, time.Duration(rnd.IntN(4))*time.Millisecond
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(t.Context(), patience)
				defer cancel()
				if a.Enter(ctx, flow.Visit{}) != nil {
					return
				}
				mu.Lock()
				inside++
				most = max(most, inside)
				mu.Unlock()
				time.Sleep(work)
				mu.Lock()
				inside--
				mu.Unlock()
				a.Exit(served())
			})
			if rnd.IntN(3) == 0 {
				time.Sleep(time.Millisecond)
			}
		}
		wg.Wait()
		if s := a.Snapshot(); s.InFlight != 0 {
			t.Errorf("got %d in flight after all have left, want none", s.InFlight)
		}
		if most != places {
			t.Errorf("got at most %d inside at once, want %d", most, places)
		}
	})
}

// crowd offers requests at a rate to a door in front of workers, and returns what
// share of each class was served, and how many were in a second.
type crowd struct {
	a       *flow.Admission
	workers chan struct{}
	wg      sync.WaitGroup
	rnd     *rand.Rand

	mu             sync.Mutex
	offered, taken [5]int
	longest        time.Duration
}

const crowdWork = 80 * time.Millisecond

func newCrowd(a *flow.Admission, workers int) *crowd {
	return &crowd{a: a, workers: make(chan struct{}, workers), rnd: rand.New(rand.NewPCG(3, 4))}
}

// come offers perSecond requests for a time, each of a class drawn by weight.
func (c *crowd) come(ctx context.Context, perSecond int, d time.Duration, weights [5]int) {
	c.mu.Lock()
	c.offered, c.taken, c.longest = [5]int{}, [5]int{}, 0
	c.mu.Unlock()
	for end := time.Now().Add(d); time.Now().Before(end); {
		time.Sleep(time.Duration(c.rnd.ExpFloat64() * float64(time.Second) / float64(perSecond)))
		class, draw := 0, c.rnd.IntN(100)
		for draw >= weights[class] {
			draw -= weights[class]
			class++
		}
		level := c.a.Level(class, string(rune('a'+c.rnd.IntN(26))))
		c.wg.Go(func() { c.one(ctx, class, level) })
	}
	c.wg.Wait()
}

func (c *crowd) one(ctx context.Context, class, level int) {
	start := time.Now()
	err := c.a.Enter(ctx, flow.Visit{Level: level})
	if err == nil {
		c.workers <- struct{}{}
		time.Sleep(crowdWork)
		<-c.workers
		c.a.Exit(served())
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.offered[class]++
	if err == nil {
		c.taken[class]++
		c.longest = max(c.longest, time.Since(start))
	}
}

func (c *crowd) share(class int) float64 { return float64(c.taken[class]) / float64(c.offered[class]) }

func TestLeastImportantIsShedAndTheServerKeepsWorking(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const workers, capacity = 8, 100
		weights := [5]int{2, 3, 35, 30, 30}
		c := newCrowd(newDoor(workers, nil), workers)
		c.come(t.Context(), 10*capacity, 40*time.Second, weights) // it learns
		c.come(t.Context(), 10*capacity, 20*time.Second, weights)
		sum := 0
		for _, n := range c.taken {
			sum += n
		}
		if got := float64(sum) / 20; got < 0.9*capacity {
			t.Errorf("got %.0f served a second, want at least nine tenths of %d", got, capacity)
		}
		if got := c.share(flow.ClassCritical); got < 0.97 {
			t.Errorf("got %.2f of the critical class served, want nearly all", got)
		}
		if low, high := c.share(flow.ClassLow)+c.share(flow.ClassBulk), c.share(flow.ClassHigh); low > 0.01 || high < 0.8 {
			t.Errorf("got %.3f of the low classes served and %.2f of the high one, want none before most of it", low, high)
		}

		c.come(t.Context(), capacity/2, 3*time.Second, weights) // it has room again
		c.come(t.Context(), capacity/2, 20*time.Second, weights)
		for class := range c.offered {
			if got := c.share(class); got < 0.98 {
				t.Errorf("got %.2f of class %d served at half load, want all: the overload has passed", got, class)
			}
		}
	})
}

func TestProcessThatIsShortOfMemoryTakesTheFirstClassAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		used := 0.5
		a := newDoor(8, func(c *flow.AdmissionConfig) {
			c.Memory = &flow.MemoryLoad{ReadFunc: func() float64 { return used }}
		})
		served := func(class int) bool {
			time.Sleep(time.Second)
			err := a.Enter(t.Context(), flow.Visit{Level: a.Level(class, "")})
			if err == nil {
				a.Exit(served())
			}
			return err == nil
		}
		for _, c := range []struct{ used, classes float64 }{{0.5, 5}, {0.92, 3}, {0.97, 1}, {0.5, 5}} {
			used = c.used
			for class := range 5 {
				if got, want := served(class), float64(class) < c.classes; got != want {
					t.Errorf("at %.2f of the memory class %d is served: got %t, want %t", c.used, class, got, want)
				}
			}
		}
	})
}

func TestBusyProcessorShedsTheLeastImportant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newDoor(8, func(c *flow.AdmissionConfig) {
			c.CPU = &flow.CPULoad{ReadFunc: func(time.Time) (time.Duration, float64) { return 50 * time.Millisecond, 1 }}
		})
		c := newCrowd(a, 100)
		c.come(t.Context(), 50, 20*time.Second, [5]int{20, 20, 20, 20, 20})
		if top, bottom := c.share(flow.ClassCritical), c.share(flow.ClassBulk); top < 0.99 || bottom > 0.3 {
			t.Errorf("got %.2f of the first class and %.2f of the last served, want the last to give way", top, bottom)
		}
	})
}

func TestTenantOverItsQuotaIsRefusedWhateverRoomThereIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newDoor(8, func(c *flow.AdmissionConfig) {
			c.Quotas = &flow.Quotas{RateFunc: func(tenant string) (float64, int) {
				if tenant == "small" {
					return 0.1, 2
				}
				return 0, 0
			}}
		})
		visit := func(tenant string) error {
			err := a.Enter(t.Context(), flow.Visit{Tenant: tenant})
			if err == nil {
				a.Exit(served())
			}
			return err
		}
		for range 2 {
			if err := visit("small"); err != nil {
				t.Fatalf("got %v within the burst", err)
			}
		}
		refused := mustRefuse(t, visit("small"))
		if after := refused.RetryAfter; !refused.Quota || after < 8*time.Second || after > 14*time.Second {
			t.Errorf("got %+v, want a quota's, of about the 10s until a request is due", refused)
		}
		for range 100 {
			if err := visit("large"); err != nil {
				t.Fatalf("got %v for a tenant without a limit", err)
			}
		}
		time.Sleep(10 * time.Second)
		if err := visit("small"); err != nil {
			t.Errorf("got %v when a request is due", err)
		}
	})
}

func TestStateSaysWhatShareIsRefusedAndWhatTheProcessIsShortOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a := newDoor(1, func(c *flow.AdmissionConfig) {
			c.Waiting = -1
			c.CPU = &flow.CPULoad{ReadFunc: func(time.Time) (time.Duration, float64) { return time.Second, -1 }}
			c.Memory = &flow.MemoryLoad{ReadFunc: func() float64 { return 0.85 }}
		})
		for range 3 {
			if err := a.Enter(t.Context(), normal(a)); err != nil {
				t.Fatal(err)
			}
			_ = mustRefuse(t, a.Enter(t.Context(), normal(a)))
			a.Exit(served())
			time.Sleep(time.Second)
		}
		if s := a.Snapshot(); s.Ended != 3 || s.Refused != 3 || !s.Busy || s.Memory != 1 {
			t.Errorf("got %+v, want 3 ended, 3 refused, busy, and memory at level 1", s)
		}
	})
}
