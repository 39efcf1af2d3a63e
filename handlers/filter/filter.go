// Package filter keeps the records for which an expression is true.
package filter

import (
	"context"
	"fmt"

	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/handlers/internal/jq"
)

// Config is the expression.
type Config struct {
	Expression string `yaml:"expression" doc:"jq expression on the value. The record is kept if its first result is neither false nor null, and done without one. A tombstone is null. Variables: $key, $topic, $partition, $offset, $timestamp, $headers. An expression of variables only does not look at the value, which need not be JSON then."`
}

// New returns the middleware. A record is passed on as it is; one that is not
// kept is done. A value that is not JSON, or on which the expression fails, is
// rejected.
func New(cfg Config) (handlers.Middleware, error) {
	e, err := jq.Compile(cfg.Expression)
	if err != nil {
		return nil, fmt.Errorf("filter: %w", err)
	}
	return func(next handlers.Handler) handlers.Handler {
		return handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
			v, ok, err := e.First(ctx, rec)
			if err != nil {
				return fmt.Errorf("filter: %w", err)
			}
			if !ok || !jq.Truthy(v) {
				return nil
			}
			return next.Handle(ctx, rec, emit)
		})
	}, nil
}
