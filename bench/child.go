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
	"runtime/debug"
	"runtime/metrics"
	"slices"
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
	Stacks     uint64 // bytes of stacks in use
	Goroutines int
	First      time.Time          // when the first record was done with
	Figures    map[string]float64 `json:",omitempty"`
}

// look reads the counts of this process.
func look(m *peers.Meter) moment {
	samples := []metrics.Sample{
		{Name: "/gc/heap/allocs:objects"}, {Name: "/gc/heap/tiny/allocs:objects"},
		{Name: "/gc/heap/allocs:bytes"}, {Name: "/gc/heap/live:bytes"},
		{Name: "/memory/classes/heap/stacks:bytes"},
	}
	var use syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &use)
	now := moment{At: time.Now(), Records: m.Records.Load(), Bytes: m.Bytes.Load(), CPU: time.Duration(use.Utime.Nano() + use.Stime.Nano())}
	metrics.Read(samples)
	now.Allocs = samples[0].Value.Uint64() + samples[1].Value.Uint64()
	now.AllocBytes, now.Live, now.Goroutines = samples[2].Value.Uint64(), samples[3].Value.Uint64(), runtime.NumGoroutine()
	now.Stacks = samples[4].Value.Uint64()
	if first := m.First.Load(); first != 0 {
		now.First = time.Unix(0, first)
	}
	now.Figures = m.Figures()
	return now
}

// rest looks after a full collection: what is live then is what is held. Pools lose what
// they keep at the second one (sync.Pool).
func rest(m *peers.Meter) moment {
	runtime.GC()
	runtime.GC()
	return look(m)
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
	if s.MemoryLimit > 0 {
		debug.SetMemoryLimit(s.MemoryLimit)
	}
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	var m peers.Meter
	done := make(chan error, 1)
	go func() { done <- peers.Run(ctx, s, &m) }()
	asked := make(chan string)
	go func() {
		for in := bufio.NewScanner(os.Stdin); in.Scan(); {
			asked <- in.Text()
		}
		close(asked)
	}()
	out := json.NewEncoder(os.Stdout)
	for {
		select {
		case line, more := <-asked:
			if !more {
				cancel()
				return <-done
			}
			var now moment
			if line == "rest" {
				now = rest(&m)
			} else {
				m.AtNext(longestBatch, func() { now = look(&m) })
			}
			if err := out.Encode(now); err != nil {
				return err
			}
		case err := <-done:
			return fmt.Errorf("%s ended early: %w", s.Peer, err)
		}
	}
}

// child is a process that this one started: a subject, a broker or another helper.
type child struct {
	name     string
	spec     peers.Spec // of a subject
	cmd      *exec.Cmd
	in       io.WriteCloser
	out      *bufio.Reader
	consumed int64 // at the last look
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

// launch starts a subject's program, which is this one or another.
func launch(s peers.Spec) (*child, error) {
	raw, err := json.Marshal(s)
	if err != nil {
		return nil, err
	}
	var c *child
	if len(s.Command) == 0 {
		c, err = start(s.Peer, "-subject", string(raw))
	} else {
		c, err = startCommand(s.Peer, exec.Command(s.Command[0], append(slices.Clone(s.Command[1:]), string(raw))...))
	}
	if err != nil {
		return nil, err
	}
	c.spec = s
	return c, nil
}

// startSubject starts a subject and waits until it consumes.
func startSubject(ctx context.Context, s peers.Spec) (*child, error) {
	c, err := launch(s)
	if err != nil {
		return nil, err
	}
	if err := c.awaitFirst(ctx); err != nil {
		c.close()
		return nil, err
	}
	return c, nil
}

// awaitFirst waits until a subject has consumed.
func (c *child) awaitFirst(ctx context.Context) error {
	for begun := time.Now(); ; {
		m, err := c.look()
		switch {
		case err != nil:
			return err
		case m.Records > 0:
			return nil
		case time.Since(begun) > 30*time.Second:
			return fmt.Errorf("%s consumed nothing in 30 s", c.name)
		}
		if err := peers.Wait(ctx, 10*time.Millisecond); err != nil {
			return err
		}
	}
}

// look asks a subject what it has done.
func (c *child) look() (moment, error) { return c.ask("look") }

// rest is a look after a full collection.
func (c *child) rest() (moment, error) { return c.ask("rest") }

func (c *child) ask(line string) (moment, error) {
	var m moment
	if _, err := io.WriteString(c.in, line+"\n"); err != nil {
		return m, fmt.Errorf("%s: %w", c.name, err)
	}
	said, err := c.out.ReadBytes('\n')
	if err != nil {
		return m, fmt.Errorf("%s: %w", c.name, err)
	}
	if err := json.Unmarshal(said, &m); err != nil {
		return m, fmt.Errorf("%s: %w", c.name, err)
	}
	c.consumed = m.Records
	return m, nil
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

// kill ends a subject of which nothing more is wanted.
func (c *child) kill() {
	_ = c.cmd.Process.Kill()
	_ = c.cmd.Wait()
}
