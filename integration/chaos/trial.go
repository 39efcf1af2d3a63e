package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/weir-kafka/weir/internal/crash"
)

// pipelineFile is what the processes under test run.
const pipelineFile = `name: orders
kafka:
  brokers: [%s]
  group: orders-to-api
  topics: [orders]
  session_timeout: 6s
memory: 64MiB
handlers:
  - map: {expression: '{key: .key, n: .n, poison: .poison}'}
sink:
  http: {url: %s, batch: %s, max_messages: 20}
  timeout: 20s
failure:
  attempts: 20
  dead_letter: {kafka: {topic: orders.dead}}
admin: {listen: 127.0.0.1:0}
`

// trial is one pipeline that is killed at one point, again and again.
type trial struct {
	point crash.Point
	shape
	bin, dir string
	rng      *rand.Rand

	file     string
	broker   *broker
	ledger   *ledger
	producer *producer
	lives    int
	bound    int64
	hits     int
}

// run lets lead do its worst to the pipeline and returns what is wrong with what
// came of it. An error says that it did not
// come that far.
func (t *trial) run(parent context.Context, lead func(context.Context) error) (v verdict, err error) {
	ctx, cancel := context.WithTimeout(parent, 10*time.Minute)
	defer cancel() // ends the processes too
	if err := os.MkdirAll(t.dir, 0o700); err != nil {
		return v, err
	}
	if t.broker, err = startBroker(ctx, t.bin, filepath.Join(t.dir, "broker"), "127.0.0.1:0"); err != nil {
		return v, err
	}
	defer func() { t.broker.kill() }()
	t.ledger = &ledger{}
	service := httptest.NewServer(t.ledger)
	defer service.Close()
	t.file = filepath.Join(t.dir, "orders.yaml")
	if err := os.WriteFile(t.file, fmt.Appendf(nil, pipelineFile, t.broker.address, service.URL, t.batch), 0o600); err != nil {
		return v, err
	}
	if t.producer, err = newProducer(t.broker.address); err != nil {
		return v, err
	}
	defer t.producer.client.Close()
	producing, end := context.WithCancel(ctx)
	defer end()
	produced := make(chan error, 1)
	go func() { produced <- t.producer.run(producing) }()
	err = lead(ctx)
	end()
	if err = errors.Join(err, <-produced); err != nil {
		return v, err
	}
	return t.finish(ctx)
}

// lead goes through the crashes. Before them a member that is not killed commits
// something; with two members one lives on beside those that are killed.
func (t *trial) lead(ctx context.Context) error {
	other, err := t.member(ctx, "")
	if err != nil {
		return err
	}
	if err := t.busy(ctx, other); err != nil {
		return err
	}
	if t.members == 1 {
		if err := other.stop(); err != nil {
			return err
		}
	}
	for i := range t.crashes {
		if err := t.crash(ctx); err != nil {
			return fmt.Errorf("crash %d: %w", i+1, err)
		}
		if t.restart && i == 0 {
			if err := t.restartBroker(ctx); err != nil {
				return err
			}
		}
	}
	if t.members == 1 {
		return nil
	}
	return other.stop()
}

func (t *trial) restartBroker(ctx context.Context) error {
	t.producer.mu.Lock()
	defer t.producer.mu.Unlock()
	return t.broker.restart(ctx, t.bin)
}

// member starts a member of the group, to crash at a point if one is given.
func (t *trial) member(ctx context.Context, at crash.Point) (*process, error) {
	t.lives++
	dir := filepath.Join(t.dir, "life-"+strconv.Itoa(t.lives))
	var env []string
	args := []string{"run", t.file}
	if at == "" {
		// The broker of these trials throws a member out that waits for a join for longer
		// than its session, and never answers it. It waits for as long as the session of
		// one that was killed, so the others' sessions are longer.
		args = append(args, "--set", "kafka.session_timeout=20s")
	} else {
		hit := 1 + t.rng.IntN(ways()[at].hits)
		env = []string{crash.EnvPoint + "=" + string(at), crash.EnvHit + "=" + strconv.Itoa(hit), crash.EnvDir + "=" + dir}
	}
	return start(ctx, t.bin, dir, nil, env, args...)
}

// crash starts a member that is to end at the point, and brings it there.
func (t *trial) crash(ctx context.Context) error {
	m, err := t.member(ctx, t.point)
	if err != nil {
		return err
	}
	defer m.kill()
	joiner, err := t.provoke(ctx, m)
	if err != nil {
		return err
	}
	select {
	case <-m.done:
	case <-time.After(time.Minute):
		return errors.New("it was not hit within a minute")
	}
	t.ledger.down.Store(false)
	t.ledger.crashes.Add(1)
	bound, err := m.killed(t.point)
	if err != nil {
		return err
	}
	t.hits++
	t.bound += bound
	if joiner != nil {
		return joiner.stop()
	}
	return nil
}

// provoke does what the point needs; another member that it started is returned.
func (t *trial) provoke(ctx context.Context, m *process) (joiner *process, err error) {
	by := ways()[t.point].by
	if by == load {
		return nil, nil
	}
	if err := t.busy(ctx, m); err != nil {
		return nil, err
	}
	switch {
	case by == outage:
		t.ledger.down.Store(true)
	case by == revoke && t.members > 1:
		return t.member(ctx, "")
	default:
		return nil, m.cmd.Process.Signal(syscall.SIGTERM)
	}
	return nil, nil
}

// busy waits until a member has partitions and has finished something.
func (t *trial) busy(ctx context.Context, m *process) error {
	ended := false
	err := until(ctx, "the member works", func() bool {
		select {
		case <-m.done:
			ended = true
		default:
		}
		r := m.explain(ctx)
		return ended || len(r.Partitions) > 0 && r.Totals.Done > 50
	})
	if ended {
		return fmt.Errorf("the member ended: %w; see its log", m.err)
	}
	return err
}

// finish lets the rest be done without crashes, ends well, and checks.
func (t *trial) finish(ctx context.Context) (verdict, error) {
	var ms []*process
	for range t.members {
		m, err := t.member(ctx, "")
		if err != nil {
			return verdict{}, err
		}
		ms = append(ms, m)
	}
	records := t.producer.made()
	err := until(ctx, "everything is committed", func() bool { return t.lag(ctx) == 0 })
	for _, m := range ms {
		err = errors.Join(err, m.stop())
	}
	dead, deadErr := t.letters(ctx)
	if deadErr != nil {
		return verdict{}, errors.Join(err, deadErr)
	}
	v := check(history{records: records, effects: t.ledger.taken(), dead: dead, bound: t.bound})
	if err != nil {
		v.witness("%v", err)
	}
	return v, nil
}

// until waits for cond.
func until(parent context.Context, what string, cond func() bool) error {
	ctx, cancel := context.WithTimeout(parent, 90*time.Second)
	defer cancel()
	for !cond() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("not in time: %s", what)
		case <-time.After(50 * time.Millisecond):
		}
	}
	return nil
}
