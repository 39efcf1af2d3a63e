// Package split makes several messages of one record.
package split

import (
	"context"
	"fmt"

	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/handlers/internal/jq"
)

// Config is the expression.
type Config struct {
	Expression string `yaml:"expression" doc:"jq expression on the value, such as '.items[]'. Each result, as JSON, is a value of its own; none drops the record. Variables as in filter."`
}

// mostParts bounds what one record may become.
const mostParts = 100_000

// New returns the middleware. The record is done when all of its messages are
// acknowledged.
func New(cfg Config) (handlers.Middleware, error) {
	e, err := jq.Compile(cfg.Expression)
	if err != nil {
		return nil, fmt.Errorf("split: %w", err)
	}
	return func(next handlers.Handler) handlers.Handler {
		return handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
			err := e.Each(ctx, rec, mostParts, func(v any) error {
				part := *rec
				var err error
				if part.Value, err = jq.Encode(v); err != nil {
					return err
				}
				return next.Handle(ctx, &part, emit)
			})
			if err != nil {
				return fmt.Errorf("split: %w", err)
			}
			return nil
		})
	}, nil
}
