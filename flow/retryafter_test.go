package flow_test

import (
	"net/http"
	"testing"
	"time"

	"github.com/weir-kafka/weir/flow"
)

func low() float64  { return 0 }
func high() float64 { return 0.999999 }

func TestReadRetryAfterIsRelativeToTheServersClock(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) string { return now.Add(d).Format(http.TimeFormat) }
	for _, c := range []struct {
		name, after, date string
		rnd               func() float64
		want              time.Duration
		ok                bool
	}{
		{"seconds", "30", "", low, 30 * time.Second, true},
		{"a tenth more", "30", "", high, 33 * time.Second, true},
		{"date", at(time.Minute), "", low, time.Minute, true},
		{"their clock is an hour late", at(time.Minute - time.Hour), at(-time.Hour), low, time.Minute, true},
		{"their clock is an hour early", at(time.Minute + time.Hour), at(time.Hour), low, time.Minute, true},
		{"no date to be read", at(time.Minute), "today", low, time.Minute, true},
		{"a day", "86400", "", low, 5 * time.Minute, true},
		{"a day, jittered", "86400", "", high, 330 * time.Second, true},
		{"past", at(-time.Minute), at(0), high, 0, true},
		{"nothing", "", at(0), high, 0, false},
		{"nonsense", "soon", at(0), high, 0, false},
	} {
		h := http.Header{}
		h.Set("Retry-After", c.after)
		h.Set("Date", c.date)
		got, ok := flow.ReadRetryAfter(h, now, c.rnd)
		if got.Round(time.Millisecond) != c.want || ok != c.ok {
			t.Errorf("%s: %s %v, want %s %v", c.name, got, ok, c.want, c.ok)
		}
	}
}

func TestFormatRetryAfterIsWholeSecondsWithinBounds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		wait time.Duration
		rnd  func() float64
		want string
	}{
		{0, low, "1"}, {-time.Hour, high, "2"}, {time.Second, low, "1"},
		{10 * time.Second, low, "8"}, {10 * time.Second, high, "14"}, {10100 * time.Millisecond, low, "9"},
		{time.Hour, low, "24"}, {time.Hour, high, "42"},
	} {
		if got := flow.FormatRetryAfter(c.wait, c.rnd); got != c.want {
			t.Errorf("%s: %s, want %s", c.wait, got, c.want)
		}
	}
}
