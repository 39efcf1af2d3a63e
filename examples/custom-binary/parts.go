package main

import (
	"github.com/weir-kafka/weir/config"
	"github.com/weir-kafka/weir/examples/custom-binary/mask"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/handlers/filter"
	"github.com/weir-kafka/weir/sink"
	"github.com/weir-kafka/weir/sink/kafka"
)

// parts is what a pipeline file of this binary can name: two parts of Weir and
// one of its own.
func parts() config.Parts {
	return config.Parts{
		Handlers: map[string]config.HandlerPart{
			"filter": config.Handler("Keeps the records for which a jq expression is true.", filter.Config{},
				func(cfg filter.Config, _ config.Env) (handlers.Middleware, error) { return filter.New(cfg) }),
			"mask": config.Handler("Hides fields.", mask.DefaultConfig(), mask.New),
		},
		Sinks: map[string]config.SinkPart{
			"kafka": config.Sink("Produces to a topic.", kafka.DefaultConfig(),
				func(cfg kafka.Config, _ config.Env) (sink.Sink, error) { return kafka.New(cfg) }),
		},
	}
}
