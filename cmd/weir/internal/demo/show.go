package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/weir-kafka/weir/cmd/weir/internal/pipeline"
	"github.com/weir-kafka/weir/config"
	"github.com/weir-kafka/weir/consumer"
)

// phase is a part of the show: from a share of the time on, something happens.
type phase struct {
	from float64
	name string
	act  func(s *show) error
}

func phases() []phase {
	return []phase{
		{0, "normal", func(*show) error { return nil }},
		{0.20, "service 10x slower", func(s *show) error { s.service.takes.Store(int64(slowTime)); return nil }},
		{0.40, "service refuses: 503, Retry-After 1", func(s *show) error { s.service.refuses.Store(true); return nil }},
		{0.52, "service healed", func(s *show) error {
			s.service.takes.Store(int64(normalTime))
			s.service.refuses.Store(false)
			return nil
		}},
		{0.70, "second member starts", func(s *show) error { s.second = s.start(); return nil }},
		{0.88, "second member stops", func(s *show) error { return s.second.end() }},
	}
}

// show is one run of the demo.
type show struct {
	o       Options
	file    *config.File
	ledger  *ledger
	service *service
	screen  *screen
	log     io.Writer

	ctx           context.Context //nolint:containedctx // of the run; members start in the middle of it
	mu            sync.Mutex
	members       []*member
	first, second *member
}

// member is one pipeline of the group.
type member struct {
	c     *consumer.Consumer
	admin string
	stop  context.CancelFunc
	done  chan error
	ended bool
	err   error
}

// start runs another member, as weir run does.
func (s *show) start() *member {
	ctx, cancel := context.WithCancel(context.WithoutCancel(s.ctx))
	m := &member{stop: cancel, done: make(chan error, 1)}
	started := make(chan struct{})
	var once sync.Once
	go func() {
		m.done <- pipeline.Run(ctx, s.file, pipeline.Options{
			Logger: pipeline.Logger(s.file.Log, s.log),
			OnStart: func(addr string, c *consumer.Consumer) {
				m.c, m.admin = c, addr
				once.Do(func() { close(started) })
			},
		})
		once.Do(func() { close(started) })
	}()
	<-started
	s.mu.Lock()
	defer s.mu.Unlock()
	s.members = append(s.members, m)
	return m
}

// end drains the member and waits.
func (m *member) end() error {
	if m == nil || m.ended {
		return nil
	}
	m.ended = true
	m.stop()
	m.err = <-m.done
	return m.err
}

// run plays the phases, drains and judges.
func (s *show) run(ctx context.Context, brokers []string) (err error) {
	s.ctx = ctx
	s.first = s.start()
	defer func() {
		for _, m := range s.members {
			err = errors.Join(err, m.end())
		}
	}()
	if err := s.awaitJoin(ctx); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(s.screen.out, "metrics at http://%s/metrics, and try: weir explain --address %s\n\n", s.first.admin, s.first.admin)
	producing, stop := context.WithCancel(ctx)
	defer stop()
	produced := make(chan error, 1)
	go func() { produced <- produce(producing, brokers, s.ledger) }()
	failed := s.play(ctx)
	stop()
	failed = errors.Join(failed, <-produced)
	s.service.takes.Store(int64(normalTime))
	s.service.refuses.Store(false)
	if failed == nil {
		s.drain()
	}
	for _, m := range s.members {
		failed = errors.Join(failed, m.end())
	}
	if failed != nil {
		return failed
	}
	return s.judge()
}

// awaitJoin waits until the first member has its partitions.
func (s *show) awaitJoin(ctx context.Context) error {
	limit := time.NewTimer(joinWithin)
	defer limit.Stop()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for s.first.c == nil || len(s.first.c.Explain().Partitions) < partitions {
		select {
		case <-tick.C:
		case err := <-s.first.done:
			s.first.ended = true
			return err
		case <-limit.C:
			return fmt.Errorf("demo: the pipeline did not join its group within %s", joinWithin)
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}

// play goes through the phases.
func (s *show) play(ctx context.Context) error {
	start, todo := time.Now(), phases()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	name := ""
	for {
		share := float64(time.Since(start)) / float64(s.o.For)
		for len(todo) > 0 && share >= todo[0].from {
			name = todo[0].name
			if err := todo[0].act(s); err != nil {
				return err
			}
			s.screen.phase(name)
			todo = todo[1:]
		}
		if share >= 1 {
			return nil
		}
		wait := time.Duration(float64(s.o.For) * (1 - share))
		if len(todo) > 0 {
			wait = time.Duration(float64(s.o.For) * (todo[0].from - share))
		}
		timer := time.NewTimer(max(wait, time.Millisecond))
		select {
		case <-timer.C:
		case <-tick.C:
			s.screen.line(time.Since(start), name, s.look())
		case <-ctx.Done():
			timer.Stop()
			return nil
		}
		timer.Stop()
	}
}

// drain waits until everything produced has arrived, or no more does in time.
func (s *show) drain() {
	start := time.Now()
	s.screen.phase("producer stopped, draining")
	for time.Since(start) < drainWithin {
		if c := s.ledger.counts(); c.Delivered >= c.Produced {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
}

// glance is what one line shows.
type glance struct {
	counts
	lag, limit, inFlight, members int
	held                          int64
	state                         consumer.State
	reasons                       []string
}

func (s *show) look() glance {
	g := glance{counts: s.ledger.counts(), state: consumer.StateOpen}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range s.members {
		if m.ended || m.c == nil {
			continue
		}
		r := m.c.Explain()
		g.members++
		g.held += r.HeldBytes
		for _, p := range r.Partitions {
			g.lag += int(max(p.Lag, 0))
		}
		for _, k := range r.Sinks {
			if k.Name == "default" {
				g.limit += k.Limit
				g.inFlight += k.InFlight
			}
		}
		if r.State != consumer.StateOpen || len(r.Reasons) > 0 {
			g.state, g.reasons = r.State, r.Reasons
		}
	}
	return g
}
