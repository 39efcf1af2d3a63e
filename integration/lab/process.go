package lab

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"
)

// Build makes the binary, with the build tags of args, in dir.
func Build(ctx context.Context, dir string, args ...string) (string, error) {
	bin := filepath.Join(dir, "weir")
	args = append([]string{"build", "-o", bin}, args...)
	out, err := exec.CommandContext(ctx, "go", append(args, "github.com/weir-kafka/weir/cmd/weir")...).CombinedOutput() //nolint:gosec // our own flags
	if err != nil {
		return "", fmt.Errorf("go build: %w: %s", err, out)
	}
	return bin, nil
}

// Process is a running weir with a directory of its own, in which its log is.
type Process struct {
	Dir  string
	Done chan struct{} // closed when it has ended
	Err  error         // then: how

	cmd *exec.Cmd
}

// logFile is what a process writes to its standard error.
const logFile = "log"

func start(ctx context.Context, bin, dir string, stdout io.Writer, env []string, args ...string) (*Process, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	log, err := os.OpenFile(filepath.Join(dir, logFile), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }()                                                              // the process has its own
	p := &Process{cmd: exec.CommandContext(ctx, bin, args...), Dir: dir, Done: make(chan struct{})} //nolint:gosec // our own binary
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = stdout, log
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.Err = p.cmd.Wait()
		close(p.Done)
	}()
	return p, nil
}

// Alive reports whether the process has not ended.
func (p *Process) Alive() bool {
	select {
	case <-p.Done:
		return false
	default:
		return true
	}
}

// Signal sends s, and does nothing to a process that has ended.
func (p *Process) Signal(s syscall.Signal) error {
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("%s: %w", s, err)
	}
	return nil
}

// Descriptors is how many files and sockets the process has open.
func (p *Process) Descriptors() (int, error) {
	fds, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", p.cmd.Process.Pid))
	return len(fds), err
}

// kill is kill -9.
func (p *Process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.Done
}

// stop is SIGTERM, and an error if the process does not end well.
func (p *Process) stop() error {
	if err := p.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case <-p.Done:
	case <-time.After(2 * time.Minute):
		return errors.New("two minutes after SIGTERM it is still there")
	}
	if p.Err != nil {
		return fmt.Errorf("after SIGTERM: %w", p.Err)
	}
	return nil
}
