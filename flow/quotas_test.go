package flow_test

import (
	"strconv"
	"testing"
	"time"

	"github.com/weir-kafka/weir/flow"
)

func TestQuotaSaysWhenTheNextRequestIsDue(t *testing.T) {
	q := flow.Quotas{RateFunc: func(string) (float64, int) { return 2, 3 }}
	now := time.Unix(100, 0)
	for range 3 {
		if _, ok := q.Take(now, "a"); !ok {
			t.Fatal("got refused within the burst")
		}
	}
	wait, ok := q.Take(now, "a")
	if ok || wait != 500*time.Millisecond {
		t.Fatalf("got %s, %t, want refused for 500ms", wait, ok)
	}
	if _, ok := q.Take(now.Add(wait), "a"); !ok {
		t.Error("got refused after the time that was said")
	}
	if _, ok := q.Take(now, "b"); !ok {
		t.Error("got refused for what another tenant used")
	}
}

func TestInventedTenantsGainNothingBeyondABound(t *testing.T) {
	q := flow.Quotas{RateFunc: func(string) (float64, int) { return 1, 1 }}
	now := time.Unix(100, 0)
	taken := func() (n int) {
		for i := range 10000 {
			if _, ok := q.Take(now, strconv.Itoa(i)); ok {
				n++
			}
		}
		return n
	}
	if n := taken(); n != 4096+1 {
		t.Errorf("got %d requests of 10000 names, want those of 4096 and one that the others share", n)
	}
	now = now.Add(2 * time.Second)                  // every bucket is full: all are forgotten
	for _, name := range []string{"new", "newer"} { // the shared bucket has room for one
		if _, ok := q.Take(now, name); !ok {
			t.Errorf("got %q refused although nobody uses anything", name)
		}
	}
}

func TestNoRateMeansNoQuota(t *testing.T) {
	var q flow.Quotas
	if _, ok := q.Take(time.Unix(0, 0), "a"); !ok {
		t.Error("got refused by nobody's limit")
	}
}
