package main

import (
	"github.com/weir-kafka/weir/config"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/handlers/filter"
	"github.com/weir-kafka/weir/handlers/header"
	"github.com/weir-kafka/weir/handlers/key"
	"github.com/weir-kafka/weir/handlers/mapping"
	"github.com/weir-kafka/weir/handlers/split"
	"github.com/weir-kafka/weir/handlers/tenant"
	"github.com/weir-kafka/weir/sink"
	"github.com/weir-kafka/weir/sink/discard"
	"github.com/weir-kafka/weir/sink/file"
	"github.com/weir-kafka/weir/sink/http"
	"github.com/weir-kafka/weir/sink/kafka"
	"github.com/weir-kafka/weir/sink/stdout"
)

// parts is everything a pipeline file can name. A binary with parts of its own
// is this list with a line more.
func parts() config.Parts {
	return config.Parts{
		Tenant: tenant.New,
		Handlers: map[string]config.HandlerPart{
			"pass":   config.Handler("Passes records on as they are.", struct{}{}, pass),
			"filter": config.Handler("Keeps the records for which a jq expression is true.", filter.Config{}, handler(filter.New)),
			"map":    config.Handler("Changes the value by a jq expression.", mapping.Config{}, handler(mapping.New)),
			"header": config.Handler("Sets and removes headers.", header.Config{}, handler(header.New)),
			"key":    config.Handler("Sets the key from the value by a jq expression.", key.Config{}, handler(key.New)),
			"split":  config.Handler("Makes several messages of one record by a jq expression.", split.Config{}, handler(split.New)),
		},
		Sinks: map[string]config.SinkPart{
			"stdout":  config.Sink("Prints a line a message.", stdout.DefaultConfig(), plain(stdout.New)),
			"file":    config.Sink("Appends a line a message to a file, without torn lines after a kill.", file.DefaultConfig(), plain(file.New)),
			"discard": config.Sink("Takes everything and keeps nothing.", discard.DefaultConfig(), plain(discard.New)),
			"kafka":   config.Sink("Produces to a topic with an idempotent producer.", kafka.DefaultConfig(), newKafka),
			"http":    config.Sink("Sends requests to an HTTP service, one a message or one a batch.", http.DefaultConfig(), newHTTP),
		},
	}
}

func pass(struct{}, config.Env) (handlers.Middleware, error) {
	return func(next handlers.Handler) handlers.Handler { return next }, nil
}

func handler[C any](build func(C) (handlers.Middleware, error)) func(C, config.Env) (handlers.Middleware, error) {
	return func(cfg C, _ config.Env) (handlers.Middleware, error) { return build(cfg) }
}

func plain[C any, S sink.Sink](build func(C) (S, error)) func(C, config.Env) (sink.Sink, error) {
	return func(cfg C, _ config.Env) (sink.Sink, error) { return build(cfg) }
}

// newKafka connects as the pipeline does, unless the sink names other brokers.
func newKafka(cfg kafka.Config, env config.Env) (sink.Sink, error) {
	if len(cfg.Brokers) == 0 {
		opts, err := env.Kafka.ClientOptions()
		if err != nil {
			return nil, err
		}
		cfg.Options = opts
	}
	return kafka.New(cfg)
}

// newHTTP keeps as many connections as the limit allows calls.
func newHTTP(cfg http.Config, env config.Env) (sink.Sink, error) {
	cfg.MaxConns = max(env.Limit.Max, env.Limit.Fixed)
	return http.New(cfg)
}
