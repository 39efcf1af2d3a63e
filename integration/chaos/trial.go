package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/weir-kafka/weir/integration/lab"
	"github.com/weir-kafka/weir/internal/crash"
)

// trial is one pipeline that is killed at one point, again and again.
type trial struct {
	point crash.Point
	shape
	bin, dir string
	rng      *rand.Rand

	lab   *lab.Lab
	down  atomic.Bool // the service refuses everything
	bound int64
	hits  int
}

// run lets lead do its worst to the pipeline and returns what is wrong with what
// came of it. An error says that it did not come that far.
func (t *trial) run(parent context.Context, lead func(context.Context) error) (v verdict, err error) {
	ctx, cancel := context.WithTimeout(parent, 10*time.Minute)
	defer cancel() // ends the processes too
	t.lab, err = lab.Open(ctx, lab.Config{
		Bin: t.bin, Dir: t.dir, Records: lab.Records{Keys: 60, Poison: 25},
		Memory: "64MiB", Batch: t.batch, Messages: 20, Timeout: 20 * time.Second, Attempts: 20,
		Mood: t.mood, Grace: time.Minute,
	})
	if err != nil {
		return v, err
	}
	defer t.lab.Close()
	producing, end := context.WithCancel(ctx)
	defer end()
	produced := make(chan error, 1)
	go func() { produced <- t.lab.Produce(producing, func() int { return 10 }) }()
	err = lead(ctx)
	end()
	if err = errors.Join(err, <-produced); err != nil {
		return v, err
	}
	return t.finish(ctx)
}

// mood refuses at random what it will take the next time; one key is slow, so that
// there are records done beyond others that are not.
func (t *trial) mood(c *lab.Call) {
	switch {
	case t.down.Load():
		c.Refuse(http.StatusServiceUnavailable, time.Second)
	case rand.IntN(50) == 0: //nolint:gosec // chance, not a secret
		c.Refuse(http.StatusInternalServerError, 0)
	case c.Take(c.Messages) && c.Slow: // before the wait: the answer of a dead process is late, its effect is not
		c.Wait(150 * time.Millisecond)
	}
}

// lead goes through the crashes. Before them a member that is not killed commits
// something; with two members one lives on beside those that are killed.
func (t *trial) lead(ctx context.Context) error {
	other, err := t.member(ctx)
	if err != nil {
		return err
	}
	if err := other.Busy(ctx); err != nil {
		return err
	}
	if t.members == 1 {
		if err := other.Stop(); err != nil {
			return err
		}
	}
	for i := range t.crashes {
		if err := t.crash(ctx); err != nil {
			return fmt.Errorf("crash %d: %w", i+1, err)
		}
		if t.restart && i == 0 {
			if _, err := t.lab.RestartBroker(ctx, lab.Kill); err != nil {
				return err
			}
		}
	}
	if t.members == 1 {
		return nil
	}
	return other.Stop()
}

// member starts a member that is not to crash.
//
// The broker of these trials throws a member out that waits for a join for longer
// than its session, and never answers it. It waits for as long as the session of
// one that was killed, so the others' sessions are longer.
func (t *trial) member(ctx context.Context) (*lab.Member, error) {
	return t.lab.Start(ctx, 20*time.Second, nil)
}

// crash starts a member that is to end at the point, and brings it there.
func (t *trial) crash(ctx context.Context) error {
	hit := 1 + t.rng.IntN(ways()[t.point].hits)
	m, err := t.lab.Start(ctx, 6*time.Second, func(dir string) []string {
		return []string{crash.EnvPoint + "=" + string(t.point), crash.EnvHit + "=" + strconv.Itoa(hit), crash.EnvDir + "=" + dir}
	})
	if err != nil {
		return err
	}
	defer m.Abandon()
	joiner, err := t.provoke(ctx, m)
	if err != nil {
		return err
	}
	select {
	case <-m.Done:
	case <-time.After(time.Minute):
		return errors.New("it was not hit within a minute")
	}
	t.down.Store(false)
	at, bound, err := lastWords(m, t.point)
	if err != nil {
		return err
	}
	m.Died(at, bound)
	t.hits++
	t.bound += bound
	if joiner != nil {
		return joiner.Stop()
	}
	return nil
}

// lastWords returns when the process ended and what it said it would repeat, and an
// error unless it ended itself at the point.
func lastWords(m *lab.Member, at crash.Point) (when time.Time, bound int64, err error) {
	file := filepath.Join(m.Dir, crash.WordsFile)
	words, err := os.ReadFile(file)
	if err != nil || crash.Point(words) != at {
		return when, 0, fmt.Errorf("it did not end at %q but with %w; last words: %q", at, m.Err, words)
	}
	info, err := os.Stat(file)
	if err != nil {
		return when, 0, err
	}
	figure, err := os.ReadFile(filepath.Join(m.Dir, crash.BoundFile))
	if errors.Is(err, os.ErrNotExist) { // it had no effect
		return info.ModTime(), 0, nil
	}
	if err != nil {
		return when, 0, err
	}
	if len(figure) == 0 { // another goroutine was about to
		return info.ModTime(), 0, nil
	}
	bound, err = strconv.ParseInt(strings.TrimSpace(string(figure)), 10, 64)
	return info.ModTime(), bound, err
}

// provoke does what the point needs; another member that it started is returned.
func (t *trial) provoke(ctx context.Context, m *lab.Member) (joiner *lab.Member, err error) {
	by := ways()[t.point].by
	if by == load {
		return nil, nil
	}
	if err := m.Busy(ctx); err != nil {
		return nil, err
	}
	switch {
	case by == outage:
		t.down.Store(true)
	case by == revoke && t.members > 1:
		return t.member(ctx)
	default:
		return nil, m.Terminate()
	}
	return nil, nil
}

// finish lets the rest be done without crashes, ends well, and has it judged.
func (t *trial) finish(ctx context.Context) (verdict, error) {
	var ms []*lab.Member
	for range t.members {
		m, err := t.member(ctx)
		if err != nil {
			return verdict{}, err
		}
		ms = append(ms, m)
	}
	r, err := t.lab.Rest(ctx, 90*time.Second, ms...)
	if r == nil {
		return verdict{}, err
	}
	v := judge(r, t.lab.Produced(), t.bound)
	if err != nil {
		v.witness("%v", err)
	}
	return v, nil
}
