package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/weir-kafka/weir/bench/peers"
)

// resident reads a figure of a process in bytes: VmRSS is what it has, VmHWM the most
// that it ever had.
func (c *child) resident(name string) (float64, error) {
	said := field(fmt.Sprintf("/proc/%d/status", c.cmd.Process.Pid), name)
	kib, err := strconv.ParseFloat(strings.TrimSuffix(said, " kB"), 64)
	if err != nil {
		return 0, fmt.Errorf("%s: %s: %w", c.name, name, err)
	}
	return kib * 1024, nil
}

// command is the weir command, built from the module that this one measures.
type command struct{ dir, path string }

func buildWeir(ctx context.Context) (*command, error) {
	module, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", "github.com/weir-kafka/weir").Output()
	if err != nil {
		return nil, fmt.Errorf("find the module of weir; run this in its directory bench: %w", err)
	}
	dir, err := os.MkdirTemp("", "weir-bench-")
	if err != nil {
		return nil, err
	}
	b := &command{dir: dir, path: filepath.Join(dir, "weir")}
	build := exec.CommandContext(ctx, "go", "build", "-o", b.path, "./cmd/weir")
	build.Dir, build.Stderr = strings.TrimSpace(string(module)), os.Stderr
	if err := build.Run(); err != nil {
		b.remove()
		return nil, fmt.Errorf("build weir: %w", err)
	}
	return b, nil
}

func (b *command) remove() { _ = os.RemoveAll(b.dir) }

// running is weir run.
type running struct {
	*child
	admin string
}

// run starts weir run from s to a sink, which is in the form of its file.
func (b *command) run(s *source, group, sink, memory string) (*running, error) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &running{admin: ln.Addr().String()}
	_ = ln.Close()
	file := filepath.Join(b.dir, group+".yaml")
	text := fmt.Sprintf("kafka: {brokers: [%s], group: %s, topics: [%s]}\nmemory: %s\nsink: %s\nadmin: {listen: %q}\nlog: {level: error}\n",
		strings.Join(s.address, ", "), group, s.topic, memory, sink, r.admin)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		return nil, err
	}
	r.child, err = startCommand("weir run", exec.Command(b.path, "run", file))
	return r, err
}

// explained is what is asked of /explain.
type explained struct {
	Held   float64 `json:"held_bytes"`
	Budget float64 `json:"budget_bytes"`
	Totals struct {
		MaxHeld float64 `json:"max_held_bytes"`
		Done    int64   `json:"done"`
	} `json:"totals"`
}

func (r *running) explain(ctx context.Context) (e explained, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.admin+"/explain", nil)
	if err != nil {
		return e, err
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return e, err
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	return e, errors.Join(err, json.Unmarshal(raw, &e))
}

// awaitDone waits until it has delivered something.
func (r *running) awaitDone(ctx context.Context) error {
	const most = 30 * time.Second
	var err error
	var e explained
	for begun := time.Now(); time.Since(begun) < most; {
		if e, err = r.explain(ctx); err == nil && e.Totals.Done > 0 {
			return nil
		}
		if err := peers.Wait(ctx, 50*time.Millisecond); err != nil {
			return err
		}
	}
	return fmt.Errorf("weir run delivered nothing in %s: %w", most, err)
}
