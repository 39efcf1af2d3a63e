// Weir moves records from Kafka through handlers to sinks.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/weir-kafka/weir/config"
)

// Exit codes.
const (
	exitOK     = 0
	exitFailed = 1 // it ran and something went wrong
	exitUsage  = 2 // it did not run: flags or configuration
)

func main() {
	ctx, stop := signals(context.Background())
	code := execute(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// execute runs one command line and returns its exit code. What fails before a
// verb has begun is an error of the command line.
func execute(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root, began := rootCmd(), false
	root.PersistentPreRun = func(*cobra.Command, []string) { began = true }
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	var ps config.Problems
	var usage usageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &ps):
		_, _ = fmt.Fprintln(stderr, err)
		return exitUsage
	case !began, errors.As(err, &usage):
		_, _ = fmt.Fprintf(stderr, "weir: %v\nsee %s --help\n", err, cmd.CommandPath())
		return exitUsage
	}
	_, _ = fmt.Fprintln(stderr, "weir:", err)
	return exitFailed
}

// oneSignal is how long what follows a signal is taken for the same one:
// timeout(1) and wrappers that forward to a process group send each twice.
const oneSignal = 200 * time.Millisecond

// signals returns a context that the first SIGINT or SIGTERM ends. The second
// ends the process at once: whoever sends it has waited long enough.
func signals(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(parent)
	ch := make(chan os.Signal, 2)
	signal.Notify(ch, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ch
		first := time.Now()
		cancel()
		for time.Since(first) < oneSignal {
			<-ch
		}
		fmt.Fprintln(os.Stderr, "weir: second signal, ending at once; what was in flight will be delivered again")
		os.Exit(exitFailed)
	}()
	return ctx, func() { signal.Stop(ch); cancel() }
}

// usageError is a call that could not be understood.
type usageError struct{ error }
