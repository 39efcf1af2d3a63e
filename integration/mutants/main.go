// Command mutants plants bugs in the engine, one at a time, and shows that the suite
// finds each: by the proof under its seeds where that can see it, and else by a test
// that is named. A bug is a text of the source and what stands there instead; the
// go command is told to read the changed copy, so the source itself is never touched.
//
// It fails when a mutant survives, when one can not be planted any more, and when
// the engine as it is does not pass the same runs. It runs at the root of the module.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"
)

var errSurvived = errors.New("the suite does not find every mutant")

func main() {
	names := flag.String("mutant", "", "plant only the mutants of these names, with commas between them")
	seeds := flag.Int("seeds", 200, "how many seeds may try to kill a mutant")
	most := flag.Int("parallel", 2, "how many mutants are hunted at the same time")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, *names, *seeds, *most); err != nil {
		fmt.Fprintln(os.Stderr, "mutants:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, names string, seeds, most int) error {
	root, err := os.Getwd()
	if err != nil {
		return err
	}
	ms, err := choose(mutants(), names)
	if err != nil {
		return err
	}
	h := &hunter{root: root, seeds: seeds}
	begun := time.Now()
	fmt.Println(heading())
	tried, tests, err := h.control(ctx, ms)
	if err != nil {
		return err
	}
	fmt.Println(control(tried, tests, time.Since(begun)))
	vs, err := all(ctx, h, ms, most)
	fmt.Println(summary(vs, time.Since(begun)))
	for _, v := range vs {
		if !v.killed {
			err = errors.Join(err, errSurvived)
			break
		}
	}
	return err
}

// all hunts every mutant, a few at a time, and prints them in their order.
func all(ctx context.Context, h *hunter, ms []mutant, most int) ([]verdict, error) {
	vs, errs, done := make([]verdict, len(ms)), make([]error, len(ms)), make([]chan struct{}, len(ms))
	room := make(chan struct{}, max(most, 1))
	for i := range ms {
		done[i] = make(chan struct{})
	}
	go func() {
		for i := range ms {
			room <- struct{}{}
			go func() {
				defer func() { close(done[i]); <-room }()
				vs[i], errs[i] = h.hunt(ctx, &ms[i])
			}()
		}
	}()
	for i := range ms {
		<-done[i]
		fmt.Println(row(&ms[i], vs[i]))
	}
	return vs, errors.Join(errs...)
}
