package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/weir-kafka/weir/internal/crash"
)

// process is a running weir with a directory of its own, in which its log is.
type process struct {
	cmd  *exec.Cmd
	dir  string
	done chan struct{} // closed when it has ended
	err  error         // then: how
}

// start runs weir; env is added to the environment.
func start(ctx context.Context, bin, dir string, stdout io.Writer, env []string, args ...string) (*process, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the process has its own
	p := &process{cmd: exec.CommandContext(ctx, bin, args...), dir: dir, done: make(chan struct{})}
	p.cmd.Env = append(os.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = stdout, log
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// kill is kill -9.
func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.done
}

// stop is SIGTERM, and an error if the process does not end well.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return fmt.Errorf("SIGTERM: %w", err)
	}
	select {
	case <-p.done:
	case <-time.After(time.Minute):
		return errors.New("a minute after SIGTERM it is still there")
	}
	if p.err != nil {
		return fmt.Errorf("after SIGTERM: %w", p.err)
	}
	return nil
}

// killed returns what the process said it would repeat, and an error unless it
// ended itself at the point.
func (p *process) killed(at crash.Point) (bound int64, err error) {
	words, err := os.ReadFile(filepath.Join(p.dir, crash.WordsFile))
	if err != nil || crash.Point(words) != at {
		return 0, fmt.Errorf("it did not end at %q but with %w; last words: %q", at, p.err, words)
	}
	figure, err := os.ReadFile(filepath.Join(p.dir, crash.BoundFile))
	if errors.Is(err, os.ErrNotExist) { // it had no effect
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return strconv.ParseInt(strings.TrimSpace(string(figure)), 10, 64)
}

// report is what is asked of /explain.
type report struct {
	Partitions []struct{} `json:"partitions"`
	Totals     struct {
		Done int `json:"done"`
	} `json:"totals"`
}

// explain asks a running pipeline, and returns nothing while it does not answer.
func (p *process) explain(ctx context.Context) (r report) {
	log, err := os.ReadFile(filepath.Join(p.dir, "log"))
	if err != nil {
		return r
	}
	_, rest, _ := strings.Cut(string(log), "metrics=")
	admin, _, ok := strings.Cut(rest, "/metrics")
	if !ok {
		return r
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, admin+"/explain", nil)
	if err != nil {
		return r
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return r
	}
	defer func() { _ = resp.Body.Close() }()
	if json.NewDecoder(resp.Body).Decode(&r) != nil {
		return report{}
	}
	return r
}

// broker is weir broker with a data directory.
type broker struct {
	*process
	address string
}

// startBroker runs a broker on address; port 0 takes a free one.
func startBroker(ctx context.Context, bin, dir, address string) (*broker, error) {
	r, w := io.Pipe()
	p, err := start(ctx, bin, dir, w, nil, "broker", "--listen", address, "--data", filepath.Join(dir, "data"),
		"--topic", topic+":"+strconv.Itoa(partitions), "--topic", deadTopic+":2")
	if err != nil {
		return nil, err
	}
	go func() { // what reads would wait for ever for a broker that can not start
		<-p.done
		_ = w.Close()
	}()
	line, err := bufio.NewReader(r).ReadString('\n')
	if err != nil {
		p.kill()
		return nil, fmt.Errorf("broker: no address: %w", err)
	}
	return &broker{p, strings.TrimSpace(line)}, nil
}

// restart is kill -9, and another broker with the same data and address.
func (b *broker) restart(ctx context.Context, bin string) error {
	b.kill()
	n, err := startBroker(ctx, bin, b.dir, b.address)
	if err != nil {
		return err
	}
	*b = *n
	return nil
}
