package main

import (
	"testing"
	"time"
)

func TestAPartitionThatStandsStillIsTold(t *testing.T) {
	t.Parallel()
	at := time.Now()
	l := progress{since: make([]time.Time, 3), missing: make([]int64, 3)}
	var still time.Duration
	var p int
	for s := range int64(10) {
		missing := []int64{0, 7, 100 - s} // there is none, it stands, it moves
		if s == 5 {
			missing = nil
		}
		p, still = l.see(at.Add(time.Duration(s)*time.Second), missing)
	}
	if p != 1 || still != 9*time.Second || l.none() {
		t.Errorf("got partition %d, %s, none %v, want 1, 9s", p, still, l.none())
	}
	if _, still = l.see(at.Add(time.Hour), []int64{0, 0, 0}); still > 0 || !l.none() {
		t.Errorf("got %s, none %v, want all done", still, l.none())
	}
}

func TestNobodySaysIsNoProgress(t *testing.T) {
	t.Parallel()
	at := time.Now()
	l := progress{since: make([]time.Time, 1), missing: make([]int64, 1)}
	l.see(at, nil)
	if _, still := l.see(at.Add(time.Minute), nil); still != time.Minute {
		t.Errorf("got %s, want a minute", still)
	}
}

func TestASlowMachineIsNoCrawlAndNextToNothingIs(t *testing.T) {
	t.Parallel()
	for rate, want := range map[int64]bool{3000: false, 300: false, 7: true, 0: true} {
		c := crawl{capacity: 3000}
		told := false
		for i := range 400 {
			_, bad := c.add(moment{at: time.Duration(i) * look, lasts: look, taken: rate / 4})
			told = told || bad
		}
		if told != want {
			t.Errorf("%d of 3000 a second: told %v, want %v", rate, told, want)
		}
	}
}

func TestAFewSecondsAreNoCrawl(t *testing.T) {
	t.Parallel()
	c := crawl{capacity: 3000}
	for i := range 2000 {
		m := moment{at: time.Duration(i) * look, lasts: look, taken: 500}
		if i%240 < 60 { // fifteen seconds of a minute
			m.taken = 0
		}
		if rate, bad := c.add(m); bad && i > 100 {
			t.Fatalf("at %s: %v a second is called a crawl", m.at, rate)
		}
	}
}

func TestWhoWritesWaitsForWhoIsFarBehind(t *testing.T) {
	t.Parallel()
	var l load
	at := time.Now()
	for _, c := range []struct {
		after  time.Duration
		behind int64
		want   bool
	}{
		{0, 1000, false}, {1, ahead*100 + 1, true}, {2, 1, true}, {3, -1, true}, {4, 0, true},
		{5, 50, true}, {4 + atRest/time.Second, 0, true}, {5 + atRest/time.Second, 0, false}, {20, 1000, false},
	} {
		l.behind.Store(c.behind)
		if got := l.resting(at.Add(c.after*time.Second), 100); got != c.want {
			t.Errorf("%d s, %d behind: rests %v, want %v", c.after, c.behind, got, c.want)
		}
	}
	if n := l.rests.Load(); n != 1 {
		t.Errorf("%d rests, want 1", n)
	}
}
