// Package mapping is the handler "map": it changes the value by an expression.
package mapping

import (
	"context"
	"errors"
	"fmt"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/handlers/internal/jq"
)

// Config is the expression.
type Config struct {
	Expression string `yaml:"expression" doc:"jq expression on the value. Its one result, as JSON, is the new value; object keys are sorted. Variables as in filter."`
}

var errNone = errors.New("the expression gives no result; use filter to drop records")

// New returns the middleware. The expression must give one result: none or
// several reject the record.
func New(cfg Config) (handlers.Middleware, error) {
	e, err := jq.Compile(cfg.Expression)
	if err != nil {
		return nil, fmt.Errorf("map: %w", err)
	}
	return func(next handlers.Handler) handlers.Handler {
		return handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
			v, ok, err := e.One(ctx, rec)
			if err != nil {
				return fmt.Errorf("map: %w (use split for several results)", err)
			}
			if !ok {
				return flow.Permanent(fmt.Errorf("map: %w", errNone))
			}
			mapped := *rec
			if mapped.Value, err = jq.Encode(v); err != nil {
				return fmt.Errorf("map: %w", err)
			}
			return next.Handle(ctx, &mapped, emit)
		})
	}, nil
}
