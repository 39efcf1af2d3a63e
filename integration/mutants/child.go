package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// mostMemory is how much a child may have resident.
const mostMemory = 2 << 30

// child runs a test binary until it ends, its time is over, or it has taken too much
// memory: what is wrong with a mutant may be that it never ends.
func child(ctx context.Context, limit time.Duration, dir, bin string, args ...string) (exit, error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var out bytes.Buffer
	cmd := exec.CommandContext(ctx, bin, args...)
	cmd.Dir, cmd.Stdout, cmd.Stderr, cmd.WaitDelay = dir, &out, &out, time.Second
	cmd.Env = append(os.Environ(), "GOMEMLIMIT=1GiB")
	if err := cmd.Start(); err != nil {
		return exit{}, fmt.Errorf("starting %s: %w", bin, err)
	}
	done := make(chan struct{})
	go watch(cmd.Process.Pid, done, cancel)
	err := cmd.Wait()
	close(done)
	var code *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return exit{output: out.String()}, nil
	case err != nil && !errors.As(err, &code):
		return exit{}, fmt.Errorf("waiting for %s: %w", bin, err)
	}
	return exit{output: out.String(), failed: err != nil, ended: true}, nil
}

// watch calls end when a process has too much memory, where the system tells.
func watch(pid int, done <-chan struct{}, end func()) {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-done:
			return
		}
		if resident(pid) > mostMemory {
			end()
			return
		}
	}
}

// resident is the memory of a process in bytes, 0 where nobody tells.
func resident(pid int) int64 {
	b, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "statm"))
	if err != nil {
		return 0
	}
	f := strings.Fields(string(b))
	if len(f) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(f[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}

// build compiles the tests of a package, with what the overlay replaces.
func build(ctx context.Context, root, overlay, pkg, to string) error {
	args := []string{"test", "-c", "-tags", "synctests", "-ldflags", "-s -w", "-o", to}
	if overlay != "" {
		args = append(args, "-overlay", overlay)
	}
	cmd := exec.CommandContext(ctx, "go", append(args, "./"+pkg)...)
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building %s: %w\n%s", pkg, err, out)
	}
	return nil
}
