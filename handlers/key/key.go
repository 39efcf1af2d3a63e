// Package key sets the key from the value.
package key

import (
	"context"
	"fmt"

	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/handlers/internal/jq"
)

// Config is the expression.
type Config struct {
	Expression string `yaml:"expression" doc:"jq expression on the value. Its one result is the message's key: a string as it is, null as no key, everything else as JSON; none or several reject the record. Variables as in filter."`
}

// New returns the middleware. It changes the key of the message, not the lane of
// the record: records stay in the order of the key they have in Kafka.
func New(cfg Config) (handlers.Middleware, error) {
	e, err := jq.Compile(cfg.Expression)
	if err != nil {
		return nil, fmt.Errorf("key: %w", err)
	}
	return func(next handlers.Handler) handlers.Handler {
		return handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
			v, ok, err := e.One(ctx, rec)
			if err == nil && !ok {
				err = e.NoResult()
			}
			if err != nil {
				return fmt.Errorf("key: %w", err)
			}
			keyed := *rec
			if keyed.Key, err = jq.Text(v); err != nil {
				return fmt.Errorf("key: %w", err)
			}
			return next.Handle(ctx, &keyed, emit)
		})
	}, nil
}
