package consumer

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/weir-kafka/weir/consumer/internal/lane"
	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/internal/crash"
)

// Consumer moves records from Kafka through a handler to sinks. Build one with
// [New]; [Consumer.Run] may be called once.
type Consumer struct {
	cfg        Config
	log        *slog.Logger
	now        func() time.Time
	registerer prometheus.Registerer
	clientOpts []kgo.Opt
	workers    int
	seed       maphash.Seed
	laneMode   lane.Mode
	backoff    flow.Backoff

	handler   handlers.Handler
	main      *writeStage
	routes    map[string]*writeStage
	dead      *writeStage // nil without a dead-letter sink
	stages    []*writeStage
	crew      *crew
	poller    *poller
	alarm     alarm
	batches   batches
	slabs     slabs
	gate      gate
	sinkGates sinkGates
	fetches   fetches
	watchdog  watchdog
	tenants   *tenants // nil without tenants
	metrics   *metrics
	recheck   chan struct{}

	client  *kgo.Client
	started chan struct{} // closed once client is set: its callbacks run before NewClient returns
	// work is the second of two contexts: Run's own ends taking, this one ends
	// working. It lives here because the client's callbacks are given another.
	work context.Context
	stop context.CancelCauseFunc // ends taking with an error

	commitMu  turn                   // one commit at a time: snapshot, send, apply
	committer string                 // the member id of the last commit
	firstAs   atomic.Pointer[string] // the member id under which the client first said what is ours
	ownedAs   atomic.Pointer[string] // the same for the last time

	mu    sync.RWMutex
	parts map[tp]*partition

	held        atomic.Int64
	heldRecords atomic.Int64
	commitPace  commitPace
	rebalances  atomic.Int64
	lastPoll    atomic.Int64
	running     atomic.Bool
	joined      atomic.Bool
	draining    atomic.Bool
	recreating  atomic.Bool
	background  sync.WaitGroup
	totals      totals
	writes      func(Write) // nil when nobody wants to know
	rejections  rejections  // of the handler
}

type totals struct {
	polled, handled, kept, done, retried, deadLetters, skipped, dropped, maxHeld, pauses atomic.Int64
}

// Option sets a live thing.
type Option func(*Consumer)

// WithLogger sets the logger. The default discards.
func WithLogger(l *slog.Logger) Option { return func(c *Consumer) { c.log = l } }

// WithRegisterer registers the metrics. Without it none are registered.
func WithRegisterer(r prometheus.Registerer) Option { return func(c *Consumer) { c.registerer = r } }

// WithClientOptions adds options to the Kafka client, after the consumer's own.
// Options that change how partitions are assigned, committed or polled break
// what the consumer promises.
func WithClientOptions(opts ...kgo.Opt) Option {
	return func(c *Consumer) { c.clientOpts = append(c.clientOpts, opts...) }
}

// WithNow sets the clock by which ages and retries are measured.
func WithNow(now func() time.Time) Option { return func(c *Consumer) { c.now = now } }

// WithHandlers sets how many handler calls may run at the same time, 512 by
// default. So many run only when the handler waits for something. Each that waits
// takes 6 to 7 KiB beside the memory budget, and what the handler itself needs; in
// order key there are no more of them than lanes, 4,096 a partition and 256 of many.
func WithHandlers(n int) Option { return func(c *Consumer) { c.workers = n } }

// New checks cfg and builds a consumer. It connects to nothing. All problems of
// cfg are reported together.
func New(cfg Config, p Pipeline, opts ...Option) (*Consumer, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(p); err != nil {
		return nil, err
	}
	c := &Consumer{
		cfg: cfg, log: slog.New(slog.DiscardHandler), now: time.Now, workers: defaultWorkers,
		seed: maphash.MakeSeed(), laneMode: cfg.Order.mode(), handler: p.Handler,
		backoff: flow.Backoff{Base: 100 * time.Millisecond, Max: 10 * time.Second},
		poller:  newPoller(), metrics: newMetrics(), recheck: make(chan struct{}, 1),
		parts: make(map[tp]*partition), routes: make(map[string]*writeStage),
	}
	for _, o := range opts {
		o(c)
	}
	c.started, c.commitMu = make(chan struct{}), make(turn, 1)
	c.alarm.kick = make(chan struct{}, 1)
	c.gate = newGate(c.now())
	c.watchdog.now, c.watchdog.group = c.now, c.membership
	c.rejections.good = &c.totals.kept
	if c.handler == nil {
		c.handler = handlers.Pass
	}
	c.crew = newCrew(c, max(c.workers, 1))
	c.tenants = newTenants(cfg.Tenant, p.Tenant, c.now, c.crew.most, c.alarm.set)
	c.addStages(p)
	if _, err := c.clientOptions(); err != nil {
		return nil, err
	}
	return c, c.register()
}

func (c *Consumer) addStages(p Pipeline) {
	c.main = newWriteStage(c, "default", p.Sink)
	c.stages = append(c.stages, c.main)
	for name, o := range p.Routes {
		s := newWriteStage(c, name, o)
		c.routes[name] = s
		c.stages = append(c.stages, s)
	}
	if p.DeadLetter.Sink != nil {
		c.dead = newWriteStage(c, "dead_letter", p.DeadLetter)
		c.dead.final = true
		c.stages = append(c.stages, c.dead)
	}
	for i, s := range c.stages {
		s.index = i
	}
}

func (c *Consumer) register() error {
	if c.registerer == nil {
		return nil
	}
	for _, k := range append(c.metrics.collectors(), newCollector(c)) {
		if err := c.registerer.Register(k); err != nil {
			return fmt.Errorf("consumer: metrics: %w", err)
		}
	}
	return nil
}

// ErrRanBefore is returned by a second Run.
var ErrRanBefore = errors.New("consumer: Run may be called once; build another consumer")

// Run consumes until ctx ends, then finishes what it has taken, commits it and
// leaves the group. It returns nil after such an end and otherwise what stopped
// it. No goroutine outlives it, except those of a sink that does not return
// although its context ended.
func (c *Consumer) Run(ctx context.Context) error {
	if !c.running.CompareAndSwap(false, true) {
		return ErrRanBefore
	}
	taking, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	work, endWork := context.WithCancel(context.WithoutCancel(ctx))
	defer endWork()
	c.work, c.stop = work, stop
	opts, err := c.clientOptions()
	if err != nil {
		return err
	}
	c.watchdog.start(c.cfg.Kafka)
	if c.client, err = kgo.NewClient(opts...); err != nil {
		return fmt.Errorf("consumer: %w", err)
	}
	close(c.started)
	var polling, working sync.WaitGroup
	for _, s := range c.stages {
		working.Go(func() { s.run(work) })
	}
	working.Go(func() { c.commitLoop(work) })
	working.Go(func() { c.reconcileLoop(work) })
	working.Go(func() { c.lagLoop(work) })
	working.Go(func() { c.alarmLoop(work) })
	working.Go(func() { c.crew.watch.run(work, c.crew) })
	polling.Go(func() {
		if err := c.poll(taking); err != nil {
			stop(fmt.Errorf("consumer: poll: %w", err))
		}
	})
	<-taking.Done()
	polling.Wait()
	c.shutDown(work, endWork)
	working.Wait()
	return c.ending(ctx, taking)
}

// shutDown drains before leaving the group: while it leaves there are no
// heartbeats. It leaves before it waits for the workers: a handler that is deaf
// to its context must not keep the partitions from others.
func (c *Consumer) shutDown(work context.Context, endWork func()) {
	c.draining.Store(true)
	c.drain(work, c.partitions(), "shutdown")
	crash.At(crash.DrainedNotClosed)
	endWork()
	leave, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := c.leave(leave); err != nil {
		c.log.Warn("left the group without its answer; partitions stay reserved until the session ends", "err", err)
	}
	c.crew.close()
	c.background.Wait()
	c.client.CloseAllowingRebalance()
	c.running.Store(false)
}

// ending tells a wanted end from another.
func (c *Consumer) ending(ctx, taking context.Context) error {
	cause := context.Cause(taking)
	if ctx.Err() != nil && (cause == nil || errors.Is(cause, context.Cause(ctx))) {
		return nil
	}
	return cause
}

// fail stops the consumer with err; the first one counts.
func (c *Consumer) fail(err error) {
	c.log.Error("pipeline stops", "err", err)
	c.stop(err)
}
