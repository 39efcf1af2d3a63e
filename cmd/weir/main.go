// Weir moves records from Kafka through handlers to sinks.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/weir-kafka/weir/config"
)

// Exit codes.
const (
	exitFailed = 1 // it ran and something went wrong
	exitUsage  = 2 // it did not run: flags or configuration
)

func main() {
	ctx, stop := signals(context.Background())
	err := rootCmd().ExecuteContext(ctx)
	stop()
	if err == nil {
		return
	}
	var ps config.Problems
	var usage usageError
	switch {
	case errors.As(err, &ps):
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitUsage)
	case errors.As(err, &usage):
		fmt.Fprintln(os.Stderr, "weir:", err)
		os.Exit(exitUsage)
	}
	fmt.Fprintln(os.Stderr, "weir:", err)
	os.Exit(exitFailed)
}

// signals returns a context that the first SIGINT or SIGTERM ends. The second
// ends the process at once: whoever sends it has waited long enough.
func signals(parent context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancel(parent)
	ch := make(chan os.Signal, 2)
	signal.Notify(ch, os.Interrupt, syscall.SIGTERM)
	go func() {
		<-ch
		cancel()
		<-ch
		fmt.Fprintln(os.Stderr, "weir: second signal, ending at once; what was in flight will be delivered again")
		os.Exit(exitFailed)
	}()
	return ctx, func() { signal.Stop(ch); cancel() }
}

// usageError is a call that could not be understood.
type usageError struct{ error }
