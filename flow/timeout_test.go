package flow_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weir-kafka/weir/flow"
)

// observe makes n calls of latency, spread over d.
func observe(t *flow.Timeout, now *time.Time, d time.Duration, n int, latency time.Duration, v flow.Verdict) {
	for range n {
		*now = now.Add(d / time.Duration(n))
		t.Observe(*now, latency, v)
	}
}

func TestTimeoutFollowsTheCallsThatSucceed(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	var to flow.Timeout
	want := func(why string, least, most time.Duration) {
		t.Helper()
		if got := to.Current(now); got < least || got > most {
			t.Errorf("%s: %s, want %s to %s", why, got, least, most)
		}
	}
	want("nothing is known", 30*time.Second, 30*time.Second)
	observe(&to, &now, 2*time.Minute, 99, 500*time.Millisecond, flow.Done)
	want("99 calls are too few", 30*time.Second, 30*time.Second)
	observe(&to, &now, 2*time.Minute, 200, 500*time.Millisecond, flow.Done)
	want("4 times half a second", 2*time.Second, 2250*time.Millisecond)
	observe(&to, &now, 3*time.Minute, 3000, time.Millisecond, flow.Retry)
	want("failures say nothing", 2*time.Second, 2250*time.Millisecond)
	observe(&to, &now, 3*time.Minute, 3000, 10*time.Millisecond, flow.Done)
	want("no less than its least", time.Second, time.Second)
	observe(&to, &now, 3*time.Minute, 3000, 20*time.Second, flow.Done)
	want("no more than its most", 30*time.Second, 30*time.Second)
}

func TestTimeoutIsSetByTheSlowestInAHundred(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	to := flow.Timeout{Min: time.Millisecond}
	for range 100 {
		observe(&to, &now, time.Second, 98, 10*time.Millisecond, flow.Done)
		observe(&to, &now, time.Second, 2, 100*time.Millisecond, flow.Done)
	}
	if got := to.Current(now); got < 400*time.Millisecond || got > 450*time.Millisecond {
		t.Errorf("%s, want 4 times 100ms", got)
	}
}

// Calls became slower than the deadline: none succeeds, so none teaches a longer
// one. It must not stay there.
func TestTimeoutThatCutsEveryCallGrowsAgain(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	var to flow.Timeout
	observe(&to, &now, 3*time.Minute, 1000, 10*time.Millisecond, flow.Done)
	if got := to.Current(now); got != time.Second {
		t.Fatalf("%s, want 1s", got)
	}
	for range 120 { // every call takes 3 seconds
		d := to.Current(now)
		v, took := flow.Overload, d
		if d > 3*time.Second {
			v, took = flow.Done, 3*time.Second
		}
		observe(&to, &now, time.Second, 1, took, v)
	}
	if got := to.Current(now); got < 3*time.Second {
		t.Errorf("%s after two minutes of calls that take 3s", got)
	}
}

func TestTimeoutEndsACallThatHeedsItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := flow.Timeout{Max: 2 * time.Second}
		begin := time.Now()
		err := to.Do(t.Context(), func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
		if flow.Classify(err) != flow.Overload || time.Since(begin) != 2*time.Second {
			t.Errorf("%v after %s, want an overload after 2s", err, time.Since(begin))
		}
	})
}

func TestCallThatIgnoresItsContextIsLeftBehindAndAnnounced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type ending struct {
			err  error
			took time.Duration
		}
		late := make(chan ending, 1)
		to := flow.Timeout{
			Max: 2 * time.Second, Grace: time.Second,
			LateFunc: func(err error, took time.Duration) { late <- ending{err, took} },
		}
		permits := flow.NewLimiter(flow.Fixed(1))
		buffer := []byte("held")
		var mu sync.Mutex
		begin := time.Now()
		err := permits.Do(t.Context(), 1, func(ctx context.Context) error {
			return to.Do(ctx, func(context.Context) error {
				time.Sleep(time.Minute)
				mu.Lock()
				defer mu.Unlock()
				buffer = nil // op gives back what it uses
				return nil
			})
		})
		if !errors.Is(err, flow.ErrAbandoned) || flow.Classify(err) != flow.Overload || time.Since(begin) != 3*time.Second {
			t.Fatalf("%v after %s, want it abandoned as overload after 3s", err, time.Since(begin))
		}
		if permits.InFlight() != 0 || to.Late() != 1 {
			t.Fatalf("%d in flight, %d late: want the permit free and one late", permits.InFlight(), to.Late())
		}
		mu.Lock()
		if buffer == nil {
			t.Fatal("the call is still under way and its buffer is gone")
		}
		mu.Unlock()
		if got := <-late; got.err != nil || got.took != time.Minute || to.Late() != 0 || buffer != nil {
			t.Errorf("it ended with %v after %s, %d late, buffer %q", got.err, got.took, to.Late(), buffer)
		}
	})
}

func TestCallThatEndsWithinTheGraceIsNotLeftBehind(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := flow.Timeout{Max: time.Second, Grace: time.Second, LateFunc: func(error, time.Duration) { t.Error("announced as late") }}
		if err := to.Do(t.Context(), func(context.Context) error { time.Sleep(1500 * time.Millisecond); return nil }); err != nil {
			t.Errorf("it succeeded within the grace: %v", err)
		}
		bad := errors.New("bad")
		if err := to.Do(t.Context(), func(context.Context) error { return bad }); !errors.Is(err, bad) || flow.Classify(err) != flow.Retry {
			t.Errorf("got %v, want %v", err, bad)
		}
		synctest.Wait()
	})
}

func TestCallCancelledByItsCallerIsLeftBehindAndBlamesNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := flow.Timeout{Grace: time.Second}
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		err := to.Do(ctx, func(context.Context) error { time.Sleep(time.Minute); return nil })
		if !errors.Is(err, flow.ErrAbandoned) || flow.Classify(err) != flow.Ignore {
			t.Errorf("%v is %s, want it ignored", err, flow.Classify(err))
		}
		time.Sleep(time.Minute)
	})
}

func TestTimeoutRefusesWhenTooManyCallsHang(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := flow.Timeout{Max: time.Second, Grace: time.Second, MaxLate: 2}
		hang := func(context.Context) error { time.Sleep(10 * time.Second); return nil }
		for range 2 {
			if err := to.Do(t.Context(), hang); !errors.Is(err, flow.ErrAbandoned) {
				t.Fatal(err)
			}
		}
		err := to.Do(t.Context(), hang)
		if !errors.Is(err, flow.ErrRefused) || flow.RetryAfter(err) != time.Second {
			t.Fatalf("%v after %s, want it refused for a second", err, flow.RetryAfter(err))
		}
		time.Sleep(10 * time.Second)
		if err := to.Do(t.Context(), func(context.Context) error { return nil }); err != nil {
			t.Errorf("the calls ended and it still refuses: %v", err)
		}
	})
}

func TestPanicInACallWithGraceIsRejectedWithItsStack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		to := flow.Timeout{Grace: time.Second}
		err := to.Do(t.Context(), func(context.Context) error { panic("boom") })
		if flow.Classify(err) != flow.Reject || !strings.Contains(err.Error(), "boom") || !strings.Contains(err.Error(), "timeout_test.go") {
			t.Errorf("got %v", err)
		}
		if err := to.Do(t.Context(), func(context.Context) error { runtime.Goexit(); return nil }); err == nil {
			t.Error("a call that ended its goroutine succeeded")
		}
	})
}
