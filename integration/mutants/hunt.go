package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/weir-kafka/weir/integration/plant"
)

const (
	proof = "integration/proof"
	// chunk is how many seeds a process runs: what ends without naming one is in it.
	chunk = 10
	// leastLimit and limitFactor bound a process by the slowest of the engine as it
	// is: one that takes longer does not end.
	leastLimit  = time.Minute
	limitFactor = 10
	// confirmations is how often a seed that failed must fail again.
	confirmations = 2
	// attempts is how often a test runs until it fails: that too depends on schedules.
	attempts = 3
)

// hunter runs the suite against mutants.
type hunter struct {
	root  string
	seeds int
	limit time.Duration // of a child
}

// hunt tries to kill m.
func (h *hunter) hunt(ctx context.Context, m *mutant) (v verdict, err error) {
	begun := time.Now()
	dir, err := os.MkdirTemp("", "mutant")
	if err != nil {
		return v, fmt.Errorf("mutant %s: %w", m.name, err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // it is temporary
	overlay, err := plant.Overlay(h.root, dir, m.planted())
	if err != nil {
		return v, fmt.Errorf("mutant %s: %w", m.name, err)
	}
	pkg := m.by.pkg
	if pkg == "" {
		pkg = proof
	}
	bin := filepath.Join(dir, "test")
	if err = build(ctx, h.root, overlay, pkg, bin); err == nil {
		if m.by.name != "" {
			v, err = h.test(ctx, bin, m.by)
		} else {
			v, err = h.prove(ctx, bin)
		}
	}
	v.took = time.Since(begun)
	if err != nil {
		return v, fmt.Errorf("mutant %s: %w", m.name, err)
	}
	return v, nil
}

// prove runs seeds until one fails, and fails again: a seed fixes the faults and not
// how goroutines interleave, so one failure may be of the engine as it is.
func (h *hunter) prove(ctx context.Context, bin string) (verdict, error) {
	width := chunk
	for from := 1; from <= h.seeds; {
		to := min(from+width-1, h.seeds)
		v, err := h.seedsOf(ctx, bin, from, to)
		switch {
		case err != nil || v.by == noEnd:
			return v, err
		case !v.killed:
			from = to + 1
			continue
		case v.seed == 0 && from < to: // it names none: one by one
			width = 1
			continue
		case v.seed == 0:
			v.seed = from
		}
		if sure, err := h.again(ctx, bin, v.seed); err != nil || sure {
			return v, err
		}
		from = v.seed + 1
	}
	return verdict{}, nil
}

// again reports whether a seed that failed goes on to do so.
func (h *hunter) again(ctx context.Context, bin string, seed int) (bool, error) {
	for range confirmations {
		if v, err := h.seedsOf(ctx, bin, seed, seed); err != nil || !v.killed {
			return false, err
		}
	}
	return true, nil
}

// seedsOf runs the seeds up to the first that fails.
func (h *hunter) seedsOf(ctx context.Context, bin string, from, to int) (verdict, error) {
	e, err := child(ctx, h.limit, filepath.Join(h.root, proof), bin, "-test.run", "^TestProofEvery",
		"-seed", strconv.Itoa(from), "-seeds", strconv.Itoa(to-from+1), "-stop", "1")
	if err != nil {
		return verdict{}, err
	}
	if ctx.Err() != nil {
		return verdict{}, ctx.Err()
	}
	return ofProof(e, to)
}

func (h *hunter) test(ctx context.Context, bin string, t test) (verdict, error) {
	e, err := child(ctx, h.limit, filepath.Join(h.root, t.pkg), bin, "-test.v", "-test.failfast",
		"-test.count", strconv.Itoa(attempts), "-test.run", "^"+t.name+"$")
	if err != nil {
		return verdict{}, err
	}
	if ctx.Err() != nil {
		return verdict{}, ctx.Err()
	}
	return ofTest(e, t.name)
}

// control runs what the mutants need against the engine as it is, and sets the time
// that a child may take. It returns how many seeds and tests that were.
func (h *hunter) control(ctx context.Context, ms []mutant) (seeds, tests int, err error) {
	var slowest time.Duration
	h.limit = time.Hour
	dir, err := os.MkdirTemp("", "mutants")
	if err != nil {
		return 0, 0, fmt.Errorf("control: %w", err)
	}
	defer os.RemoveAll(dir) //nolint:errcheck // it is temporary
	built := map[string]string{}
	tried := map[test]bool{}
	for i := range ms {
		by := ms[i].by
		if by.name == "" {
			by.pkg = proof
		}
		if tried[by] {
			continue
		}
		tried[by] = true
		if built[by.pkg] == "" {
			built[by.pkg] = filepath.Join(dir, strconv.Itoa(len(built)))
			if err := build(ctx, h.root, "", by.pkg, built[by.pkg]); err != nil {
				return 0, 0, fmt.Errorf("control: %w", err)
			}
		}
		took, err := h.pass(ctx, built[by.pkg], by)
		if err != nil {
			return 0, 0, fmt.Errorf("control: %w", err)
		}
		slowest = max(slowest, took)
		if by.name != "" {
			tests++
		} else {
			seeds = h.seeds
		}
	}
	h.limit = max(limitFactor*slowest, leastLimit)
	return seeds, tests, nil
}

// pass is one run that must find nothing.
func (h *hunter) pass(ctx context.Context, bin string, by test) (took time.Duration, err error) {
	begun := time.Now()
	var v verdict
	if by.name != "" {
		v, err = h.test(ctx, bin, by)
		took = time.Since(begun)
	} else {
		v, err = h.prove(ctx, bin)
		took = time.Since(begun) * chunk / time.Duration(h.seeds)
	}
	if err == nil && v.killed {
		err = fmt.Errorf("the engine as it is fails by itself: %s, seed %d", v.by, v.seed)
	}
	return took, err
}
