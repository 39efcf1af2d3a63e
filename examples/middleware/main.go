// Command middleware copies a topic to another through a handler that asks
// somebody else. What is not the handler's business stands in middleware: how
// long a call may take, and a header that every message carries.
package main

import (
	"context"
	"errors"
	"log"
	"os/signal"
	"syscall"
	"time"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/sink/kafka"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	err := run(ctx, handlers.Pass, "127.0.0.1:9092")
	stop()
	if err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, h handlers.Handler, brokers ...string) error {
	cfg := consumer.DefaultConfig()
	cfg.Kafka.Brokers, cfg.Kafka.Group, cfg.Kafka.Topics = brokers, "copy", []string{"in"}
	out, err := kafka.New(kafka.Config{Brokers: brokers, Topic: "out"})
	if err != nil {
		return err
	}
	h = handlers.Chain(h, within(2*time.Second), stamp("copied-by", "weir"))
	c, err := consumer.New(cfg, consumer.Pipeline{Handler: h, Sink: consumer.Output{Sink: out}})
	if err != nil {
		return err
	}
	return errors.Join(c.Run(ctx), out.Close())
}
