package bench

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/handlers"
)

// piped is the user's pipeline over the window, in the temporary group.
type piped struct {
	setup
	cfg      consumer.Config
	live     consumer.Pipeline
	bin      *bin
	discards bool // the sinks do nothing
	// within bounds the time from the first record on; 0 does not. It cuts off the first
	// run of a pipeline that is slow.
	within time.Duration
}

// run is one segment. cut says that within was over before all was done.
func (p *piped) run(ctx context.Context) (s sample, c cost, cut bool, err error) {
	begin := time.Now()
	if err := p.cluster.rewind(ctx, p.window); err != nil {
		return sample{}, cost{}, false, err
	}
	p.bin.empty()
	r := &piping{piped: p, reg: prometheus.NewRegistry(), from: &start{}}
	next := p.live.Handler
	if next == nil {
		next = handlers.Pass
	}
	r.meter = newMeter(p.window, next, p.warm, r.warmed)
	live := p.live
	live.Handler = r.meter
	opts := append(p.options(r.from), kgo.WithHooks(r.meter))
	if p.size.all > 0 {
		opts = append(opts, p.size.options()...)
	}
	r.c, err = consumer.New(p.cfg, live, consumer.WithRegisterer(r.reg), consumer.WithLogger(r.words.logger()), consumer.WithClientOptions(opts...))
	if err != nil {
		return sample{}, cost{}, false, err
	}
	running, stop := context.WithCancel(ctx)
	defer stop()
	done := make(chan error, 1)
	go func() { done <- r.c.Run(running) }()
	end, cut, err := r.await(ctx, done)
	stop()
	if e := <-done; err == nil && e != nil {
		err = fmt.Errorf("pipeline: %w", e)
	}
	if err != nil {
		return sample{}, cost{}, false, err
	}
	if p.size.all == 0 {
		p.size = sizeOf(r.meter.client.Load())
	}
	all := r.inWindow()
	s = r.from.until(end.moment, all)
	s.handler, s.sink = r.meter.each(), end.sink-r.before
	if p.discards {
		s.sink = 0 // what a call that does nothing takes is the engine's
	}
	s.rejected, s.reject = p.bin.count()
	return s, costOf(begin, time.Unix(0, r.meter.first.Load()), end.at, time.Now(), all), cut, nil
}

// sizeOf returns how much a client asked for, once it is closed.
func sizeOf(cl *kgo.Client) fetchSize {
	all, _ := cl.OptValue(kgo.FetchMaxBytes).(int32)
	part, _ := cl.OptValue(kgo.FetchMaxPartitionBytes).(int32)
	return fetchSize{all, part}
}

// piping is one run of the pipeline.
type piping struct {
	*piped
	c      *consumer.Consumer
	reg    *prometheus.Registry
	meter  *meter
	words  words
	from   *start
	before time.Duration // in calls of sinks
}

// warmed is called by the handler when the warm-up is over.
func (r *piping) warmed() {
	r.from.mark(r.inWindow())
	r.before = inSinks(r.reg)
}

// inWindow returns how many records of the window are done.
func (r *piping) inWindow() int64 { return max(r.c.Explain().Totals.Done-r.meter.beyond.Load(), 0) }

// ending is where the measured part ends.
type ending struct {
	moment
	sink time.Duration // spent in calls
}

const (
	// settles is how often it is asked whether what was handled is done. It is when the
	// last record was.
	settles = 200 * time.Microsecond
	// looks is how often it is asked before that, whether anything moves.
	looks = 250 * time.Millisecond
)

// await waits until every record of the window is done.
func (r *piping) await(ctx context.Context, done chan error) (ending, bool, error) {
	tick := time.NewTicker(looks)
	defer tick.Stop()
	all := r.meter.all
	var moved time.Time
	last := int64(-1)
	for {
		select {
		case err := <-done:
			done <- nil // whoever started it takes it
			if ctx.Err() != nil {
				return ending{}, false, context.Cause(ctx)
			}
			return ending{}, false, fmt.Errorf("pipeline: %w", err)
		case <-ctx.Done():
			return ending{}, false, context.Cause(ctx)
		case <-all:
			all = nil
			tick.Reset(settles)
		case <-tick.C:
		}
		if all == nil && r.settled() {
			m := look()
			return ending{m, inSinks(r.reg)}, false, nil
		}
		now := time.Now()
		if all == nil && now.Sub(moved) < looks {
			continue
		}
		switch n := r.inWindow(); {
		case n != last:
			last, moved = n, now
		case now.Sub(moved) > r.cluster.wait:
			return ending{}, false, r.stuck(n)
		}
		if first := r.meter.first.Load(); r.within > 0 && first > 0 && now.Sub(time.Unix(0, first)) > r.within && last > 0 {
			m := look()
			return ending{m, inSinks(r.reg)}, true, nil
		}
	}
}

// settled reports whether every record up to the last of the window is done.
func (r *piping) settled() bool {
	for _, p := range r.c.Explain().Partitions {
		if p.Oldest >= 0 && p.Oldest <= lastOf(r.meter.limits[p.Topic], p.Partition) {
			return false
		}
	}
	return true
}

// stuck says why a pipeline does not go on, as far as it knows.
func (r *piping) stuck(n int64) error {
	e := r.c.Explain()
	why := string(e.State)
	if len(e.Reasons) > 0 {
		why += ", " + strings.Join(e.Reasons, ", ")
	}
	for _, p := range e.Partitions {
		if len(p.Reasons) > 0 {
			why += fmt.Sprintf("; %s/%d: %s", p.Topic, p.Partition, strings.Join(p.Reasons, ", "))
			break
		}
	}
	switch {
	case e.Member == "":
		why = "it is not yet a member of its group"
	case len(e.Partitions) == 0:
		why = "it has no partition"
	}
	if last := r.words.last(); last != "" {
		why += "; it last said: " + last
	}
	return fmt.Errorf("the pipeline has finished %d of %d records, and no further one for %s: %s", n, r.window.records, r.cluster.wait, why)
}

// inSinks returns the time in calls of sinks, from the metrics of the engine.
func inSinks(reg *prometheus.Registry) time.Duration {
	var sum float64
	families, _ := reg.Gather() // what could be gathered comes all the same
	for _, f := range families {
		if f.GetName() != "weir_write_duration_seconds" {
			continue
		}
		for _, m := range f.GetMetric() {
			sum += m.GetHistogram().GetSampleSum()
		}
	}
	return time.Duration(sum * float64(time.Second))
}
