package flow_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weir-kafka/weir/flow"
)

func TestClassify(t *testing.T) {
	plain := errors.New("plain")
	for _, c := range []struct {
		err  error
		want flow.Verdict
	}{
		{nil, flow.Done},
		{plain, flow.Retry},
		{flow.Permanent(plain), flow.Reject},
		{fmt.Errorf("wrapped: %w", flow.Permanent(plain)), flow.Reject},
		{flow.Overloaded(plain, 0), flow.Overload},
		{flow.Throttled(plain, 0), flow.Overload},
		{flow.Overloaded(flow.Permanent(plain), 0), flow.Overload}, // the outermost wins
		{flow.Permanent(flow.Overloaded(plain, 0)), flow.Reject},
		{flow.Permanent(context.Canceled), flow.Reject},
		{errors.Join(plain, flow.Overloaded(plain, 0)), flow.Overload},
		{errors.Join(flow.Overloaded(plain, 0), flow.Permanent(plain)), flow.Reject},
		{context.Canceled, flow.Ignore},
		{fmt.Errorf("wrapped: %w", context.Canceled), flow.Ignore},
		{context.DeadlineExceeded, flow.Overload},
		{&net.DNSError{IsTimeout: true}, flow.Overload},
		{os.ErrDeadlineExceeded, flow.Overload},
		{&net.DNSError{}, flow.Retry},
	} {
		if got := flow.Classify(c.err); got != c.want {
			t.Errorf("Classify(%v) is %s, want %s", c.err, got, c.want)
		}
	}
	if flow.Permanent(nil) != nil || flow.Overloaded(nil, time.Second) != nil || flow.Throttled(nil, time.Second) != nil {
		t.Error("a marked nil is not nil")
	}
	if !errors.Is(flow.Permanent(plain), plain) || !errors.Is(flow.Overloaded(plain, 0), plain) {
		t.Error("a mark hides the error")
	}
}

func TestParseRetryAfter(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for header, want := range map[string]time.Duration{
		"0": 0, "7": 7 * time.Second, " 7 ": 7 * time.Second, "1.5": 1500 * time.Millisecond, "-3": 0,
		"1e300": 5 * time.Minute, "86400": 5 * time.Minute,
		now.Add(time.Minute).Format(http.TimeFormat): time.Minute, now.Add(-time.Minute).Format(http.TimeFormat): 0,
		now.Add(24 * time.Hour).Format(http.TimeFormat): 5 * time.Minute,
	} {
		if got, ok := flow.ParseRetryAfter(header, now); !ok || got != want {
			t.Errorf("%q is %s (%v), want %s", header, got, ok, want)
		}
	}
	for _, header := range []string{"", "soon", "NaN", "7 seconds"} {
		if got, ok := flow.ParseRetryAfter(header, now); ok || got != 0 {
			t.Errorf("%q is %s (%v), want nothing", header, got, ok)
		}
	}
}

func FuzzParseRetryAfter(f *testing.F) {
	f.Add("120")
	f.Add("Fri, 02 Jan 2026 03:05:05 GMT")
	f.Fuzz(func(t *testing.T, header string) {
		after, ok := flow.ParseRetryAfter(header, time.Unix(1_700_000_000, 0))
		if after < 0 || after > 5*time.Minute || !ok && after != 0 {
			t.Errorf("%q is %s (%v)", header, after, ok)
		}
		if secs, err := strconv.Atoi(header); err == nil {
			if want := min(max(secs, 0), 300); !ok || after != time.Duration(want)*time.Second {
				t.Errorf("%q is %s (%v), want %d s", header, after, ok, want)
			}
		}
		now := time.Unix(1_700_000_000, 0)
		if at, err := http.ParseTime(header); err == nil && (!ok || after != min(max(at.Sub(now), 0), 5*time.Minute)) {
			t.Errorf("%q is %s (%v) at %s", header, after, ok, now)
		}
		for date, shift := range map[string]time.Duration{"": 0, now.Add(time.Hour).UTC().Format(http.TimeFormat): time.Hour} {
			h := http.Header{"Retry-After": {header}, "Date": {date}}
			low, ok1 := flow.ReadRetryAfter(h, now, func() float64 { return 0 })
			high, ok2 := flow.ReadRetryAfter(h, now, func() float64 { return 0.999 })
			want, ok3 := flow.ParseRetryAfter(header, now.Add(shift))
			if ok1 != ok3 || ok2 != ok3 || low != want || high < low || high > low+low/10 {
				t.Errorf("%q at %q is %s to %s (%v), want %s", header, date, low, high, ok1, want)
			}
		}
	})
}

func TestBackoffIsUniformBelowABoundThatDoubles(t *testing.T) {
	b := flow.Backoff{Base: 100 * time.Millisecond, Max: time.Second}
	for attempt, bound := range map[int]time.Duration{
		-1: 100 * time.Millisecond, 1: 100 * time.Millisecond, 2: 200 * time.Millisecond, 4: 800 * time.Millisecond,
		5: time.Second, 1 << 30: time.Second,
	} {
		for _, rnd := range []float64{0, 0.5, 0.999} {
			want := time.Duration(rnd * float64(bound))
			if got := b.Delay(attempt, func() float64 { return rnd }); got != want {
				t.Errorf("attempt %d at %v: %s, want %s", attempt, rnd, got, want)
			}
		}
	}
}

func TestDeadline(t *testing.T) {
	plain := errors.New("plain")
	wait := func(d time.Duration, then error) func(context.Context) error {
		return func(ctx context.Context) error {
			select {
			case <-time.After(d):
				return then
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	late := func(context.Context) error { time.Sleep(2 * time.Second); return nil }
	for name, c := range map[string]struct {
		limit time.Duration
		op    func(context.Context) error
		want  flow.Verdict
	}{
		"in time":              {time.Second, wait(0, nil), flow.Done},
		"too slow":             {time.Second, wait(time.Hour, nil), flow.Overload},
		"late, but it is done": {time.Second, late, flow.Done},
		"fails in time":        {time.Second, wait(0, plain), flow.Retry},
		"rejects in time":      {time.Second, wait(0, flow.Permanent(plain)), flow.Reject},
		"no limit":             {0, wait(time.Hour, nil), flow.Done},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if err := flow.Deadline(t.Context(), c.limit, c.op); flow.Classify(err) != c.want {
					t.Errorf("%v is %s, want %s", err, flow.Classify(err), c.want)
				}
			})
		})
	}
	t.Run("the caller gives up", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			time.AfterFunc(time.Second, cancel)
			if err := flow.Deadline(ctx, time.Minute, wait(time.Hour, nil)); flow.Classify(err) != flow.Ignore {
				t.Errorf("%v is %s, want ignore", err, flow.Classify(err))
			}
		})
	})
}

func TestOutcomeSaysWhetherItIsAQuota(t *testing.T) {
	plain := errors.New("x")
	for _, tt := range []struct {
		err  error
		want flow.Outcome
	}{
		{nil, flow.Outcome{Kind: flow.Done}},
		{fmt.Errorf("call: %w", flow.Throttled(plain, time.Second)), flow.Outcome{Kind: flow.Overload, RetryAfter: time.Second, Quota: true}},
		{flow.Overloaded(plain, time.Second), flow.Outcome{Kind: flow.Overload, RetryAfter: time.Second}},
		{flow.Permanent(plain), flow.Outcome{Kind: flow.Reject}},
	} {
		if got := flow.OutcomeOf(tt.err); got != tt.want {
			t.Errorf("%v: %+v, want %+v", tt.err, got, tt.want)
		}
	}
}
