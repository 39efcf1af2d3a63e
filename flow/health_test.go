package flow_test

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/weir-kafka/weir/flow"
)

func TestReadyOnlyBetweenStartAndDrain(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	var h flow.Health
	want := func(ok bool, reason string) {
		t.Helper()
		if got, why := h.Ready(now); got != ok || why != reason {
			t.Errorf("ready %v %q, want %v %q", got, why, ok, reason)
		}
	}
	want(false, "starting")
	h.Start()
	want(true, "")
	h.Drain()
	want(false, "draining")
	h.Start()
	want(false, "draining")
}

func TestOverloadedReplicaLeavesAfterItsPatienceAndComesBack(t *testing.T) {
	t.Parallel()
	h := flow.Health{RandFunc: func() float64 { return 0 }}
	h.Start()
	now := time.Unix(1000, 0)
	run := func(seconds int, overloaded, want bool) {
		t.Helper()
		for i := range seconds {
			now = now.Add(time.Second)
			h.Overload(now, overloaded)
			if got, why := h.Ready(now); got != want {
				t.Fatalf("second %d of %d: ready %v %q, want %v", i, seconds, got, why, want)
			}
		}
	}
	run(11, true, true)
	run(1, false, true)
	run(11, true, true) // anew
	run(6, true, false)
	run(11, true, true) // back, overloaded or not
	run(3, true, false)
	run(1, false, true) // back as soon as it is not
}

func TestReplicaIsNeverOutForLongerThanThirtySeconds(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		h := flow.Health{RandFunc: rand.New(rand.NewPCG(seed, 13)).Float64}
		h.Start()
		start := time.Unix(1000, 0)
		var since time.Time
		for s := range 3600 {
			now := start.Add(time.Duration(s) * time.Second)
			h.Overload(now, true)
			ok, _ := h.Ready(now)
			switch {
			case ok:
				since = time.Time{}
			case since.IsZero():
				since = now
			case now.Sub(since) > 30*time.Second:
				t.Fatalf("seed %d: out since %s", seed, now.Sub(since))
			}
		}
	}
}

// A hundred replicas become overloaded in the same moment.
func TestReplicasDoNotFlapInStep(t *testing.T) {
	t.Parallel()
	replicas := make([]flow.Health, 100)
	start := time.Unix(1000, 0)
	for i := range replicas {
		replicas[i].RandFunc = rand.New(rand.NewPCG(uint64(i), 14)).Float64
		replicas[i].Start()
	}
	fewest, sum := len(replicas), 0
	for s := range 600 {
		now := start.Add(time.Duration(s) * time.Second)
		ready := 0
		for i := range replicas {
			replicas[i].Overload(now, true)
			if ok, _ := replicas[i].Ready(now); ok {
				ready++
			}
		}
		fewest = min(fewest, ready)
		sum += ready
	}
	if mean := sum / 600; fewest < 25 || mean < 50 {
		t.Errorf("%d of 100 replicas were ready on average and once only %d, want 25 at least and more than half on average", mean, fewest)
	}
}

func TestHealthHandlers(t *testing.T) {
	t.Parallel()
	now := time.Unix(1000, 0)
	h := flow.Health{
		NowFunc:     func() time.Time { return now },
		VerboseFunc: func(w io.Writer) { fmt.Fprintln(w, "sink orders: down") },
	}
	get := func(url string) (int, string) {
		w := httptest.NewRecorder()
		if url == "/livez" {
			h.ServeLive(w, httptest.NewRequest("GET", url, nil))
		} else {
			h.ServeReady(w, httptest.NewRequest("GET", url, nil))
		}
		return w.Code, w.Body.String()
	}
	for _, c := range []struct {
		before func()
		url    string
		code   int
		body   string
	}{
		{func() {}, "/livez", 200, "ok\n"},
		{func() {}, "/readyz", 503, "starting\n"},
		{h.Start, "/readyz", 200, "ok\n"},
		{func() {}, "/readyz?verbose", 200, "ok\nsink orders: down\n"},
		{h.Drain, "/readyz?verbose", 503, "draining\nsink orders: down\n"},
		{func() {}, "/livez", 200, "ok\n"},
	} {
		c.before()
		if code, body := get(c.url); code != c.code || body != c.body {
			t.Errorf("%s: %d %q, want %d %q", c.url, code, body, c.code, c.body)
		}
	}
}
