// Package split makes several messages of one record.
package split

import (
	"context"
	"fmt"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/handlers/internal/jq"
)

// Config is the expression.
type Config struct {
	Expression string `yaml:"expression" doc:"jq expression on the value, such as '.items[]'. Each result, as JSON, is a value of its own, and null no value (a tombstone); none drops the record. A record may become 100,000 results of 64 MiB in all; more reject it. Variables as in filter."`
}

// What one record may become: {all: ., one: .items[]} makes of a megabyte with
// ten thousand items ten gigabytes.
const (
	mostParts = 100_000
	mostBytes = 64 << 20
)

// New returns the middleware. The record is done when all of its messages are
// acknowledged. If the expression fails on the way, or the handler behind it for
// one of the results, no message is sent.
func New(cfg Config) (handlers.Middleware, error) {
	e, err := jq.Compile(cfg.Expression)
	if err != nil {
		return nil, fmt.Errorf("split: %w", err)
	}
	return func(next handlers.Handler) handlers.Handler {
		return handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
			parts, bytes := 0, 0
			for v, err := range e.Results(ctx, rec) {
				if err != nil {
					return fmt.Errorf("split: %w", err)
				}
				part := *rec
				if part.Value, err = jq.Value(v); err != nil {
					return fmt.Errorf("split: %w", err)
				}
				parts, bytes = parts+1, bytes+len(part.Value)
				if parts > mostParts || bytes > mostBytes {
					return flow.Permanent(fmt.Errorf("split: a record becomes more than %d results or %d bytes", mostParts, mostBytes))
				}
				if err := next.Handle(ctx, &part, emit); err != nil {
					return err
				}
			}
			return nil
		})
	}, nil
}
