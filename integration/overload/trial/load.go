package trial

import (
	"context"
	"encoding/json"
	"io"
	"slices"
	"sync"
	"time"
)

// Load is what a load generator saw.
type Load struct {
	Offered  float64       // calls a second
	Accepted float64       // calls a second that were served in time
	P50, P99 time.Duration // of these
	Counts   [answers]int  // by Answer
}

// load is the load generator process. Its load is open: calls begin at their
// time, whatever became of those before, as those of many clients do.
func load(s Subject, in io.Reader, out io.Writer) error {
	var o order
	if err := json.NewDecoder(in).Decode(&o); err != nil {
		return err
	}
	call, err := s.DialFunc(o.Addr)
	if err != nil {
		return err
	}
	g := &generator{order: o, call: call}
	return json.NewEncoder(out).Encode(g.run())
}

type generator struct {
	order
	call func(context.Context) Answer

	mu    sync.Mutex
	begin time.Time
	got   Load
	took  []time.Duration
}

const tick = time.Millisecond

func (g *generator) run() Load {
	var calls sync.WaitGroup
	g.begin = time.Now()
	beat := time.NewTicker(tick)
	defer beat.Stop()
	sent, before := 0, 0
	for {
		now := <-beat.C
		passed := now.Sub(g.begin)
		if passed >= g.Warm+g.Measure {
			break
		}
		if passed < g.Warm {
			before = sent
		}
		for due := int(passed.Seconds() * g.Rate); sent < due; sent++ {
			calls.Go(g.one)
		}
	}
	calls.Wait() // no longer than their patience
	g.mu.Lock()
	defer g.mu.Unlock()
	slices.Sort(g.took)
	g.got.P50, g.got.P99 = quantile(g.took, 0.5), quantile(g.took, 0.99)
	g.got.Offered = float64(sent-before) / g.Measure.Seconds()
	g.got.Accepted = float64(len(g.took)) / g.Measure.Seconds()
	return g.got
}

// one makes a call. What ended in the time that is measured counts, so that a rate
// of answers is one of the server at that time.
func (g *generator) one() {
	ctx, cancel := context.WithTimeout(context.Background(), g.Config.Patience)
	defer cancel()
	began := time.Now()
	a := g.call(ctx)
	ended := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	if at := ended.Sub(g.begin); at < g.Warm || at >= g.Warm+g.Measure {
		return
	}
	g.got.Counts[a]++
	if a == Served {
		g.took = append(g.took, ended.Sub(began))
	}
}

// quantile of what is sorted.
func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}
