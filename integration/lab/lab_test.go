package lab_test

import (
	"context"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/weir-kafka/weir/integration/checker"
	"github.com/weir-kafka/weir/integration/lab"
)

// try has one member deliver what is written in a moment, or two where one is
// killed, to a service with the given mood.
func try(t *testing.T, bin string, mood lab.Mood, kill bool) *checker.Report {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	l, err := lab.Open(ctx, lab.Config{
		Bin: bin, Dir: t.TempDir(), Records: lab.Records{Keys: 60, Poison: 25}, Memory: "64MiB", Batch: "ndjson",
		Messages: 20, Timeout: 5 * time.Second, Attempts: 20, Mood: mood, Grace: time.Minute,
	})
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	begin := func() *lab.Member {
		m, err := l.Start(ctx, 6*time.Second, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(m.Abandon)
		return m
	}
	producing, end := context.WithCancel(ctx)
	produced := make(chan error, 1)
	go func() { produced <- l.Produce(producing, func() int { return 10 }) }()
	m := begin()
	err = m.Busy(ctx)
	if err == nil {
		err = lab.Until(ctx, time.Minute, "some is written", func() bool { return l.Produced() > 600 })
	}
	if err == nil && kill {
		err = m.Kill(ctx)
		m = begin()
	}
	end()
	if e := <-produced; err != nil || e != nil {
		t.Fatal(err, e)
	}
	r, err := l.Rest(ctx, time.Minute, m)
	if err != nil {
		t.Fatal(err)
	}
	if r.Figures["outcomes delivered"] == 0 || r.Figures["outcomes dead letter"] == 0 || r.Figures["commits"] == 0 || r.Figures["sessions"] == 0 {
		t.Errorf("the history is empty:\n%s", r)
	}
	return r
}

// What a service does wrong must be told, or a process that does it would not be.
func TestALabSeesWhatBecomesOfTheRecords(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes")
	}
	dir := t.TempDir()
	bin, err := lab.Build(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	take := func(c *lab.Call) { c.Take(c.Messages) }
	for name, c := range map[string]struct {
		mood lab.Mood
		kill bool
		want checker.Class
	}{
		"all is well": {mood: take},
		"a kill":      {mood: take, kill: true},
		"the last message of a call is thrown away": {mood: func(c *lab.Call) {
			c.Take(c.Messages - c.Messages/2)
		}, want: checker.Lost},
		"the same again": {mood: func(c *lab.Call) {
			if c.Take(c.Messages) {
				c.Take(c.Messages)
			}
		}, want: checker.KeyNonmonotonic},
		"an answer that is lost": {mood: func(c *lab.Call) {
			if c.Take(c.Messages) && rand.IntN(20) == 0 {
				c.Cut()
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			r := try(t, bin, c.mood, c.kill)
			if got := r.Classes[c.want]; (got > 0) != (c.want != "") || c.want == "" && !r.OK() {
				t.Errorf("got %v, want %q\n%s", r.Classes, c.want, r)
			}
		})
	}
}
