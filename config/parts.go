package config

import (
	"fmt"
	"log/slog"
	"maps"
	"reflect"
	"slices"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/sink"
)

// Env is what a part is given of the pipeline it stands in.
type Env struct {
	Name   string // of the sink
	Kafka  consumer.KafkaConfig
	Limit  consumer.LimitConfig
	Logger *slog.Logger
}

// HandlerPart is one kind of handler. Make one with [Handler].
type HandlerPart struct {
	Doc      string
	defaults any
	build    func(cfg any, env Env) (handlers.Middleware, error)
}

// SinkPart is one kind of sink. Make one with [Sink].
type SinkPart struct {
	Doc      string
	defaults any
	build    func(cfg any, env Env) (sink.Sink, error)
}

// Parts is what a file can name. The program lists them: nothing registers
// itself.
type Parts struct {
	Handlers map[string]HandlerPart
	Sinks    map[string]SinkPart
	// Tenant compiles tenant.expression. Without it that key is refused.
	Tenant func(expression string) (func(*handlers.Record) string, error)
}

// Handler makes a part of a handler kind: what it is in one line, the defaults
// of its Config, and its New.
func Handler[C any](doc string, defaults C, build func(C, Env) (handlers.Middleware, error)) HandlerPart {
	return HandlerPart{doc, defaults, func(cfg any, env Env) (handlers.Middleware, error) {
		c, ok := cfg.(C)
		if !ok {
			return nil, fmt.Errorf("config: a %T is not a %T", cfg, c)
		}
		return build(c, env)
	}}
}

// Sink makes a part of a sink kind.
func Sink[C any](doc string, defaults C, build func(C, Env) (sink.Sink, error)) SinkPart {
	return SinkPart{doc, defaults, func(cfg any, env Env) (sink.Sink, error) {
		c, ok := cfg.(C)
		if !ok {
			return nil, fmt.Errorf("config: a %T is not a %T", cfg, c)
		}
		return build(c, env)
	}}
}

func (p Parts) sinkNames() []string    { return slices.Sorted(maps.Keys(p.Sinks)) }
func (p Parts) handlerNames() []string { return slices.Sorted(maps.Keys(p.Handlers)) }

// fresh returns a settable copy of a part's defaults.
func fresh(defaults any) reflect.Value {
	v := reflect.New(reflect.TypeOf(defaults)).Elem()
	v.Set(reflect.ValueOf(defaults))
	return v
}
