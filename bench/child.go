package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"
	"runtime/metrics"
	"syscall"
	"time"

	"github.com/weir-kafka/weir/bench/peers"
)

// moment is what a process had done at one time. Counts are since its start.
type moment struct {
	At         time.Time
	Records    int64
	Bytes      int64
	CPU        time.Duration // user and system, of the whole process
	Allocs     uint64        // objects
	AllocBytes uint64
	Live       uint64 // bytes of heap that the last collection found in use
	Goroutines int
	Figures    map[string]float64 `json:",omitempty"`
}

// look reads the counts of this process.
func look(m *peers.Meter) moment {
	samples := []metrics.Sample{
		{Name: "/gc/heap/allocs:objects"}, {Name: "/gc/heap/tiny/allocs:objects"},
		{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"},
	}
	var use syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &use)
	now := moment{At: time.Now(), Records: m.Records.Load(), Bytes: m.Bytes.Load(), CPU: time.Duration(use.Utime.Nano() + use.Stime.Nano())}
	metrics.Read(samples)
	now.Allocs = samples[0].Value.Uint64() + samples[1].Value.Uint64()
	now.AllocBytes, now.Live, now.Goroutines = samples[2].Value.Uint64(), samples[3].Value.Uint64(), runtime.NumGoroutine()
	if m.Figures != nil {
		now.Figures = m.Figures()
	}
	return now
}

// longestBatch is how long a look at a subject waits for the end of a batch.
const longestBatch = time.Second

// subject is the life of a subject's process: it consumes, answers each line of its
// input with a moment, and ends with its input.
func subject(spec string) error {
	var s peers.Spec
	if err := json.Unmarshal([]byte(spec), &s); err != nil {
		return fmt.Errorf("specification of a subject: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var m peers.Meter
	done := make(chan error, 1)
	go func() { done <- peers.Run(ctx, s, &m) }()
	asked := make(chan struct{})
	go func() {
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			asked <- struct{}{}
		}
		close(asked)
	}()
	out := json.NewEncoder(os.Stdout)
	for {
		select {
		case _, more := <-asked:
			if !more {
				cancel()
				return <-done
			}
			var now moment
			m.AtNext(longestBatch, func() { now = look(&m) })
			if err := out.Encode(now); err != nil {
				return err
			}
		case err := <-done:
			return fmt.Errorf("%s ended early: %w", s.Peer, err)
		}
	}
}

// child is a process that this one started: a subject or a broker.
type child struct {
	name string
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader

	thawed time.Duration // how long it is let run before it is measured
}

// start runs this program again in another role.
func start(name string, args ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	return startCommand(name, exec.Command(self, args...))
}

func startCommand(name string, cmd *exec.Cmd) (*child, error) {
	c := &child{name: name, cmd: cmd}
	cmd.Stderr = os.Stderr
	var err error
	if c.in, err = cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	c.out = bufio.NewReader(out)
	if err := cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	return c, nil
}

// startSubject starts a subject and waits until it consumes.
func startSubject(ctx context.Context, s peers.Spec) (*child, error) {
	raw, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	c, err := start(s.Peer, "-subject", string(raw))
	if err != nil {
		return nil, err
	}
	c.thawed = thawed + s.Handler*3/2
	for begun := time.Now(); ; {
		m, err := c.look()
		switch {
		case err != nil:
			c.close()
			return nil, err
		case m.Records > 0:
			return c, nil
		case time.Since(begun) > 30*time.Second:
			c.close()
			return nil, fmt.Errorf("%s consumed nothing in 30 s", s.Peer)
		}
		if err := wait(ctx, 10*time.Millisecond); err != nil {
			c.close()
			return nil, err
		}
	}
}

// look asks a subject what it has done.
func (c *child) look() (moment, error) {
	var m moment
	if _, err := io.WriteString(c.in, "look\n"); err != nil {
		return m, fmt.Errorf("%s: %w", c.name, err)
	}
	line, err := c.out.ReadBytes('\n')
	if err != nil {
		return m, fmt.Errorf("%s: %w", c.name, err)
	}
	return m, json.Unmarshal(line, &m)
}

// freeze stops the process where it is, and thaw lets it go on: so two that run in
// turn are measured warm, in short pieces, and never beside each other.
func (c *child) freeze() error { return c.cmd.Process.Signal(syscall.SIGSTOP) }
func (c *child) thaw() error   { return c.cmd.Process.Signal(syscall.SIGCONT) }

// closing is how long a subject may take to end before it is killed.
const closing = 10 * time.Second

func (c *child) close() {
	_ = c.thaw()
	_ = c.in.Close()
	ended := time.AfterFunc(closing, func() { _ = c.cmd.Process.Kill() })
	defer ended.Stop()
	var exit *exec.ExitError
	if err := c.cmd.Wait(); errors.As(err, &exit) {
		fmt.Fprintf(os.Stderr, "%s: %s\n", c.name, exit)
	}
}

// wait waits so long, or until ctx ends.
func wait(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
