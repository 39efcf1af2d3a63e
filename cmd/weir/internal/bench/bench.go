// Package bench measures a user's pipeline against a poll loop written by hand, on
// records of the user's own topics. Nothing of the user's changes: what a pipeline needs
// a group for is done in a temporary one, and its sinks and dead letters are replaced.
package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"runtime"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/cmd/weir/internal/pipeline"
	"github.com/weir-kafka/weir/config"
	"github.com/weir-kafka/weir/consumer"
)

// Options say what is measured, and for how long.
type Options struct {
	File *config.File
	// From is earliest, latest for the newest records, or how long ago, such as 1h.
	From string
	// For bounds the measuring, and Wait how long it waits for what does not come.
	For, Wait time.Duration
	// Records is the most that a segment has, 0 for a million. Fewer are taken when For
	// does not allow so many.
	Records int64
	Group   string // temporary; "" draws a name
	Keep    bool   // the sinks: their real ones are written to
	Err     io.Writer
}

const (
	fromEarliest  = "earliest"
	fromLatest    = "latest"
	sinkDiscarded = "discarded"
	sinkWritten   = "written"
	mostRecords   = 1_000_000
	leastFor      = 2 * time.Second
	// grace is what may be taken beyond For to complete what has begun.
	grace = 5 * time.Second
	// tries is what part of For reading the topics and the first run of the pipeline may have each.
	tries = 20
)

// Check refuses options that make no sense.
func (o *Options) Check() error {
	if ago, err := time.ParseDuration(o.From); o.From != fromEarliest && o.From != fromLatest && (err != nil || ago <= 0) {
		return fmt.Errorf("--from %q: write earliest, latest, or how long ago, such as 1h", o.From)
	}
	if o.For < leastFor {
		return fmt.Errorf("--for %s is too short to measure anything; give at least %s", o.For, leastFor)
	}
	if o.Wait <= 0 {
		return fmt.Errorf("--wait %s: give how long to wait for the cluster, such as 10s", o.Wait)
	}
	if o.Records < 0 {
		return fmt.Errorf("--records %d: give how many records a segment may have, or leave it out", o.Records)
	}
	return nil
}

var errTime = errors.New("the time is up")

// Run measures until For is over or ctx ends, whichever is first, and then removes what
// it made. The report has the rounds that were complete; it is nil with an error, when
// there is none.
func Run(ctx context.Context, cl *kgo.Client, o Options) (r *Report, err error) {
	if o.Group == "" {
		o.Group = groupPrefix + strings.ToLower(rand.Text()[:10])
	}
	p, err := o.File.Pipeline(slog.New(slog.DiscardHandler))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, pipeline.Close(p)) }()
	begin := time.Now()
	ending, cancel := context.WithDeadlineCause(ctx, begin.Add(o.For+grace), errTime)
	defer cancel()
	b := &bench{Options: o, live: p, until: begin.Add(o.For), cluster: &cluster{
		adm: kadm.NewClient(cl), kafka: o.File.Consumer.Kafka, group: o.Group, wait: o.Wait,
	}}
	defer func() {
		if e := b.cluster.remove(ctx); e != nil {
			_, _ = fmt.Fprintln(o.Err, "weir bench:", e)
		}
	}()
	if err := b.prepare(ending); err != nil {
		return nil, b.ended(ctx, err)
	}
	rounds, err := b.rounds(ending)
	if len(rounds) == 0 {
		return nil, b.ended(ctx, err)
	}
	if err != nil && context.Cause(ending) == nil {
		return nil, err
	}
	return b.report(rounds, ctx.Err() != nil), nil
}

// bench is one measurement.
type bench struct {
	Options
	live    consumer.Pipeline
	cluster *cluster
	topics  []string
	until   time.Time
	bin     bin
	setup   setup
	plan    segments
}

// ended says why there is nothing to report.
func (b *bench) ended(ctx context.Context, err error) error {
	switch {
	case ctx.Err() != nil:
		return errors.New("interrupted before the first round was complete: nothing is known yet")
	case errors.Is(err, errTime):
		return fmt.Errorf("no round was complete within %s: give a longer --for, or fewer --records", b.For)
	}
	return err
}

// prepare finds what each segment goes over.
func (b *bench) prepare(ctx context.Context) (err error) {
	if err := b.cluster.free(ctx); err != nil {
		return err
	}
	if b.topics, err = b.cluster.topics(ctx); err != nil {
		return err
	}
	spans, err := b.cluster.spans(ctx, b.topics, b.From)
	if err != nil {
		return err
	}
	most := b.Records
	if most == 0 {
		most = mostRecords
	}
	sc := &scan{cluster: b.cluster, spans: spans, newest: b.From == fromLatest, within: b.For / tries}
	w, loop, err := sc.find(ctx, most)
	if err != nil {
		return err
	}
	if w.records == 0 {
		return b.empty(spans)
	}
	pipe, size, err := b.first(ctx, w)
	if err != nil {
		return err
	}
	least := manyRounds
	if b.Records > 0 || pipe.overhead*manyRounds > b.For/3 {
		least = leastRounds
	}
	pipe.overhead += 3 * askAgain // before each segment
	b.plan = plan(time.Until(b.until), loop, pipe, w.records, least)
	if b.plan.records < w.records {
		if w, _, err = sc.find(ctx, b.plan.records); err != nil {
			return err
		}
	}
	b.setup = newSetup(b.cluster, w, size)
	_, _ = fmt.Fprintf(b.Err, "weir bench: %d records a segment, raw loop and pipeline in turn, until %s; Ctrl-C ends and shows what is known by then\n",
		w.records, b.until.Format(time.TimeOnly))
	return nil
}

// empty says which topics have nothing.
func (b *bench) empty(spans []span) error {
	mend := "produce some first"
	if b.From != fromEarliest {
		mend = "begin earlier, with --from earliest"
	}
	return fmt.Errorf("kafka.topics: %s: no record in %d partitions from %s on; %s", names(b.topics), len(spans), b.From, mend)
}

// first runs the pipeline once, unmeasured: it warms the process up, and says how long it
// takes and how much its fetches ask for.
func (b *bench) first(ctx context.Context, w *window) (cost, fetchSize, error) {
	p := b.piped(setup{cluster: b.cluster, window: w})
	p.within = b.For / tries
	_, c, _, err := p.run(ctx)
	return c, p.size, err
}

// piped returns the pipeline as it is measured.
func (b *bench) piped(s setup) *piped {
	cfg, live := b.File.Consumer, b.live
	cfg.Kafka.Group, cfg.Kafka.InstanceID = b.cluster.group, ""
	cfg.Kafka.Topics, cfg.Kafka.Pattern = b.topics, ""
	cfg.Drain = min(cfg.Drain, time.Second) // what was in flight when it is cut off is of no use
	cfg.DeadLetterRatio = 1
	live.DeadLetter = consumer.Output{Sink: &b.bin, SinkConfig: consumer.DefaultSinkConfig()}
	if !b.Keep {
		cfg.Attempts = 1 // the waits between attempts would be all that is measured
		live.Sink = discard(live.Sink)
		live.Routes = map[string]consumer.Output{}
		for name, o := range b.live.Routes {
			live.Routes[name] = discard(o)
		}
	}
	return &piped{setup: s, cfg: cfg, live: live, bin: &b.bin, discards: !b.Keep}
}

// rounds measures as long as another round is likely to end in time; the least rounds that
// count may use the grace.
func (b *bench) rounds(ctx context.Context) (all []round, err error) {
	loop, pipe := &raw{setup: b.setup}, b.piped(b.setup)
	for len(all) < mostRounds {
		begin := time.Now()
		var r round
		if r.raw, err = b.loops(ctx, loop); err != nil {
			return all, err
		}
		settle(ctx)
		if r.piped, _, _, err = pipe.run(ctx); err != nil {
			return all, err
		}
		if r.again, err = b.loops(ctx, loop); err != nil {
			return all, err
		}
		all = append(all, r)
		until := b.until
		if len(all) < leastRounds {
			until = until.Add(grace)
		}
		if now := time.Now(); now.Add(now.Sub(begin)).After(until) {
			break
		}
	}
	return all, nil
}

// loops is a segment of the raw loop: beside a slow pipeline it goes over the window more
// than once, because what is short is measured badly.
func (b *bench) loops(ctx context.Context, loop *raw) (sum sample, err error) {
	settle(ctx)
	for range b.plan.passes {
		s, _, err := loop.run(ctx)
		if err != nil {
			return sample{}, err
		}
		sum.add(s)
	}
	return sum, nil
}

// settle lets what the segment before has left come to its end, here and at the brokers.
func settle(ctx context.Context) {
	runtime.GC()
	pause(ctx)
}

// report is what the rounds came to.
func (b *bench) report(rounds []round, interrupted bool) *Report {
	f, s := b.File, &b.setup
	r := &Report{
		Name: f.Consumer.Name, Brokers: f.Consumer.Kafka.Brokers, Topics: b.topics, From: b.From, Group: b.cluster.group, Sink: sinkDiscarded,
		Partitions: len(s.window.shares), Records: s.window.records, Warmup: s.warm, Whole: s.window.whole,
		FetchBytes: s.size.all, FetchPartitionBytes: s.size.partition, Interrupted: interrupted,
	}
	if b.Keep {
		r.Sink = sinkWritten
	}
	r.measure(rounds)
	r.judge()
	r.Notes = (&notes{bench: b, r: r}).write()
	return r
}
