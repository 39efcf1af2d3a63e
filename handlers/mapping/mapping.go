// Package mapping is the handler "map": it changes the value by an expression.
package mapping

import (
	"context"
	"fmt"

	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/handlers/internal/jq"
)

// Config is the expression.
type Config struct {
	Expression string `yaml:"expression" doc:"jq expression on the value. Its one result, as JSON, is the new value; null is no value (a tombstone). Object keys are sorted; numbers stay exact. Variables as in filter."`
}

// New returns the middleware. The expression must give one result: none or
// several reject the record, and so does a value that is not JSON. A tombstone
// is null to the expression, and null is a tombstone to those behind it.
func New(cfg Config) (handlers.Middleware, error) {
	e, err := jq.Compile(cfg.Expression)
	if err != nil {
		return nil, fmt.Errorf("map: %w", err)
	}
	return func(next handlers.Handler) handlers.Handler {
		return handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
			v, ok, err := e.One(ctx, rec)
			if err != nil {
				return fmt.Errorf("map: %w", err)
			}
			if !ok {
				return fmt.Errorf("map: %w", e.NoResult())
			}
			mapped := *rec
			if mapped.Value, err = jq.Value(v); err != nil {
				return fmt.Errorf("map: %w", err)
			}
			return next.Handle(ctx, &mapped, emit)
		})
	}, nil
}
