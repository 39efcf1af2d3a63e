// Command instructions counts what the hot path and a whole run execute.
//
// A count does not depend on how busy a machine is. Each subject is a benchmark or a
// test that does its work a given number of times; it runs under valgrind for n and for
// 2n, and the difference is what n cost, without what it takes to begin and to end.
// The counts are held against those in baseline.txt: with more than 5 % beyond it the
// program fails, and with -write it writes the file anew. The processor is the same for
// all: what a library chooses by the processor's abilities may differ elsewhere.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"syscall"
)

func main() {
	write := flag.Bool("write", false, "write the baseline anew")
	runs := flag.Int("runs", 1, "count so often, and print the spread")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *runs, *write); err != nil {
		fmt.Fprintln(os.Stderr, "instructions:", err)
		os.Exit(1)
	}
}

const (
	baseline = "integration/instructions/baseline.txt"
	// most is what a count may be of the baseline's.
	most = 1.05
)

func run(ctx context.Context, runs int, write bool) error {
	if _, err := exec.LookPath("valgrind"); err != nil {
		return errors.New("valgrind is not installed; on Debian: apt-get install valgrind")
	}
	dir, err := os.MkdirTemp("", "instructions")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	was, err := read(baseline)
	if err != nil && !write {
		return err
	}
	now := make(counts)
	var failed error
	for _, s := range subjects() {
		spread, err := s.count(ctx, dir, runs, now)
		if err != nil {
			return fmt.Errorf("%s: %w", s.name, err)
		}
		if s.silent {
			continue
		}
		fmt.Printf("%-28s %8.1f instructions a record", s.name, now[s.name])
		if old := was[s.name]; old > 0 {
			fmt.Printf(", %+6.1f %% of the baseline's %.1f", 100*(now[s.name]/old-1), old)
			if now[s.name] > most*old {
				failed = errors.Join(failed, fmt.Errorf("%s: %.1f instructions a record, the baseline is %.1f", s.name, now[s.name], old))
			}
		} else if !write {
			failed = errors.Join(failed, fmt.Errorf("%s is not in %s: run again with -write", s.name, filepath.Base(baseline)))
		}
		if runs > 1 {
			fmt.Printf(", %.2f %% between runs", 100*spread)
		}
		fmt.Println()
	}
	if write {
		return now.write(baseline)
	}
	return failed
}
