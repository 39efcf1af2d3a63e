// Command handler sends the paid orders of a topic to a service. It is a whole
// program: a handler of its own, a sink, dead letters, a clean end on a signal.
package main

import (
	"context"
	"errors"
	"log"
	"os/signal"
	"syscall"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/sink"
	"github.com/weir-kafka/weir/sink/http"
	"github.com/weir-kafka/weir/sink/kafka"
)

const broker = "127.0.0.1:9092"

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	service := http.DefaultConfig()
	service.URL = "http://127.0.0.1:8088/orders"
	api, err := http.New(service)
	if err != nil {
		log.Fatal(err)
	}
	dead, err := kafka.New(kafka.Config{Brokers: []string{broker}, Topic: "orders.dead"})
	if err != nil {
		log.Fatal(err)
	}
	if err := errors.Join(run(ctx, api, dead, broker), api.Close(), dead.Close()); err != nil {
		log.Fatal(err)
	}
}

type order struct{ Amount int }

func paid(_ context.Context, o order, rec *handlers.Record, emit handlers.Emit) error {
	if o.Amount > 0 {
		emit(rec.Message())
	}
	return nil
}

func run(ctx context.Context, api, dead sink.Sink, brokers ...string) error {
	cfg := consumer.DefaultConfig()
	cfg.Kafka.Brokers, cfg.Kafka.Group, cfg.Kafka.Topics = brokers, "orders-to-api", []string{"orders"}
	c, err := consumer.New(cfg, consumer.Pipeline{
		Handler: handlers.JSON(paid), Sink: consumer.Output{Sink: api}, DeadLetter: consumer.Output{Sink: dead},
	})
	if err != nil {
		return err
	}
	return c.Run(ctx)
}
