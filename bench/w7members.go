package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/bench/peers"
	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/sink"
	"github.com/weir-kafka/weir/sink/discard"
)

const (
	membersTopic      = "members"
	membersPartitions = 16
	membersPerSecond  = 200 * membersPartitions // a record of each partition every 5 ms
	// membersWindow is how long deliveries are watched before a rebalance and from it on.
	membersWindow = 3 * time.Second
	// membersHeartbeat is when members learn of a rebalance; by default it is so late that
	// the windows would have to be three times as long.
	membersHeartbeat = 500 * time.Millisecond
)

// memberSteps are how many members there are, one after the other.
func memberSteps() []int { return []int{1, 2, 4, 8, 16, 8, 4, 2, 1} }

func w7Members(name string, protocol consumer.Protocol) func(context.Context, *lab) ([]result, error) {
	return func(ctx context.Context, l *lab) ([]result, error) {
		steps, err := l.members(ctx, protocol)
		if err != nil {
			return nil, err
		}
		var pauses []float64
		var each []string
		for i, s := range steps {
			if s.stayed == 0 {
				continue
			}
			pauses = append(pauses, s.pause)
			each = append(each, fmt.Sprintf("%d to %d: %s", memberSteps()[i], memberSteps()[i+1], number(s.pause)))
		}
		return []result{{gate: "W7d", variant: name, interval: medianOf(pauses), note: strings.Join(each, ", ")}}, nil
	}
}

// members grows a group and lets it shrink again.
func (l *lab) members(ctx context.Context, protocol consumer.Protocol) (steps []memberStep, err error) {
	address, end, err := l.broker(brokerSpec{
		Topic: membersTopic, Partitions: membersPartitions,
		Configs: map[string]string{"group.consumer.heartbeat.interval.ms": strconv.FormatInt(membersHeartbeat.Milliseconds(), 10)},
	})
	if err != nil {
		return nil, err
	}
	defer end()
	p, err := startProducer(producerSpec{Brokers: address, Topic: membersTopic, Partitions: membersPartitions, PerSecond: membersPerSecond})
	if err != nil {
		return nil, err
	}
	defer p.close()
	g := &group{address: address, protocol: protocol}
	stopWatching, err := g.watch(ctx)
	if err != nil {
		return nil, err
	}
	defer stopWatching()
	defer func() {
		if e := g.resize(ctx, 0); err == nil {
			err = e
		}
	}()
	for i, n := range memberSteps() {
		from := time.Now()
		if i > 0 { // what is quiet comes before
			if err := peers.Wait(ctx, membersWindow); err != nil {
				return steps, err
			}
		}
		changed := time.Now()
		if err := g.resize(ctx, n); err != nil {
			return steps, err
		}
		if err := peers.Wait(ctx, membersWindow); err != nil {
			return steps, err
		}
		if i > 0 {
			steps = append(steps, g.step(from, changed, changed.Add(membersWindow)))
		}
	}
	return steps, nil
}

// group is the members, all of this process.
type group struct {
	address  []string
	protocol consumer.Protocol
	seen     deliveries
	plain    deliveries // to one who is in no group
	members  []*member
	next     int
}

type member struct {
	stop context.CancelFunc
	done chan error
}

// resize starts members, or stops those that came last and waits for them.
func (g *group) resize(ctx context.Context, n int) error {
	for len(g.members) < n {
		m, err := g.join(ctx, g.next)
		if err != nil {
			return err
		}
		g.next++
		g.members = append(g.members, m)
	}
	leaving := g.members[n:]
	g.members = g.members[:n]
	for _, m := range leaving {
		m.stop()
	}
	for _, m := range leaving {
		if err := <-m.done; err != nil {
			return fmt.Errorf("a member: %w", err)
		}
	}
	return nil
}

func (g *group) join(ctx context.Context, number int) (*member, error) {
	cfg := consumer.DefaultConfig()
	cfg.Kafka.Brokers, cfg.Kafka.Group, cfg.Kafka.Topics = g.address, "members", []string{membersTopic}
	cfg.Kafka.Protocol = g.protocol
	handler := handlers.Func(func(_ context.Context, rec *handlers.Record, _ handlers.Emit) error {
		g.seen.note(rec.Partition, delivery{time.Now(), number})
		return nil
	})
	to, err := discard.New(discard.DefaultConfig())
	if err != nil {
		return nil, err
	}
	c, err := consumer.New(cfg, consumer.Pipeline{Handler: handler, Sink: consumer.Output{Sink: sink.Sink(to)}},
		consumer.WithClientOptions(kgo.HeartbeatInterval(membersHeartbeat)))
	if err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(ctx)
	m := &member{stop: stop, done: make(chan error, 1)}
	go func() { m.done <- c.Run(ctx) }()
	return m, nil
}

// delivery is when a member's handler was called.
type delivery struct {
	at time.Time
	by int
}

// deliveries are those of each partition.
type deliveries struct {
	of [membersPartitions]struct {
		mu   sync.Mutex
		each []delivery
	}
}

func (d *deliveries) note(partition int32, one delivery) {
	p := &d.of[partition]
	p.mu.Lock()
	defer p.mu.Unlock()
	p.each = append(p.each, one)
}

// memberStep is what a rebalance did to the partitions that stayed.
type memberStep struct {
	stayed int     // how many
	pause  float64 // ms by which their longest gap is longer than before
}

// step compares the longest gaps from changed to end with those from start to changed,
// of the partitions that one member had all the time. A gap is counted for as much as it
// is longer than the longest of one who is in no group: what the producer, the broker and
// the machine do happens to both.
func (g *group) step(start, changed, end time.Time) memberStep {
	var s memberStep
	var quiet, around, plainQuiet, plainAround time.Duration
	for i := range membersPartitions {
		before, beforeBy := g.seen.longestGap(i, start, changed)
		after, afterBy := g.seen.longestGap(i, changed, end)
		if len(beforeBy) != 1 || len(afterBy) != 1 || beforeBy[0] != afterBy[0] {
			continue
		}
		s.stayed++
		quiet, around = max(quiet, before), max(around, after)
		before, _ = g.plain.longestGap(i, start, changed)
		after, _ = g.plain.longestGap(i, changed, end)
		plainQuiet, plainAround = max(plainQuiet, before), max(plainAround, after)
	}
	s.pause = milliseconds((around - plainAround) - (quiet - plainQuiet))
	return s
}

// watch consumes all partitions in no group, until it is told to stop.
func (g *group) watch(ctx context.Context) (stop func(), err error) {
	client, err := kgo.NewClient(kgo.SeedBrokers(g.address...), kgo.ConsumeTopics(membersTopic), kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(ctx)
	var watching sync.WaitGroup
	watching.Go(func() {
		for ctx.Err() == nil {
			client.PollFetches(ctx).EachRecord(func(r *kgo.Record) { g.plain.note(r.Partition, delivery{at: time.Now()}) })
		}
	})
	return func() {
		cancel()
		watching.Wait()
		client.Close()
	}, nil
}

// longestGap is the longest time without a delivery from one moment to another, and who
// took those that there were.
func (d *deliveries) longestGap(partition int, from, to time.Time) (longest time.Duration, by []int) {
	p := &d.of[partition]
	p.mu.Lock()
	each := slices.Clone(p.each)
	p.mu.Unlock()
	last := from
	for _, d := range each {
		if d.at.Before(from) || d.at.After(to) {
			continue
		}
		longest, last = max(longest, d.at.Sub(last)), d.at
		if !slices.Contains(by, d.by) {
			by = append(by, d.by)
		}
	}
	return max(longest, to.Sub(last)), by
}
