// Command serve runs one node of Kafka in a container, for a program that measures
// against it: it prints the address and ends the node with its input. The node is one
// that serves: compiled to the end, with a gigabyte of heap, and with the session
// timeout that brokers have by default, so that a member that is frozen stays one.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/weir-kafka/weir/integration/kafkatest"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "serve:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	c, err := kafkatest.Open(ctx, kafkatest.WithEnv(map[string]string{
		"KAFKA_HEAP_OPTS":                         "-Xms1g -Xmx1g",
		"KAFKA_JVM_PERFORMANCE_OPTS":              "-XX:+UseParallelGC",
		"KAFKA_GROUP_CONSUMER_SESSION_TIMEOUT_MS": "45000",
	}))
	if err != nil {
		return err
	}
	defer c.Close()
	fmt.Println(c.Addrs()[0])
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		stop()
	}()
	<-ctx.Done()
	return nil
}
