// Package mask hides fields of JSON values. It is a handler as a third party
// writes one: a Config with tags, and New.
package mask

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/weir-kafka/weir/config"
	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/handlers"
)

// Config is what a pipeline file can say.
type Config struct {
	Fields []string `yaml:"fields" doc:"Names of the fields to hide."`
	With   string   `yaml:"with" doc:"What stands in their place."`
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config { return Config{With: "***"} }

// New returns the middleware. A value that is no JSON object is rejected.
func New(cfg Config, _ config.Env) (handlers.Middleware, error) {
	if len(cfg.Fields) == 0 {
		return nil, errors.New("mask: fields is empty; name what is to be hidden")
	}
	with, err := json.Marshal(cfg.With)
	if err != nil {
		return nil, fmt.Errorf("mask: with: %w", err)
	}
	return func(next handlers.Handler) handlers.Handler {
		return handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
			var value map[string]json.RawMessage // keeps what it does not touch as it is
			if err := json.Unmarshal(rec.Value, &value); err != nil {
				return flow.Permanent(fmt.Errorf("mask: %w", err))
			}
			for _, f := range cfg.Fields {
				if _, ok := value[f]; ok {
					value[f] = with
				}
			}
			masked := *rec // the record is not changed, a copy is
			var err error
			if masked.Value, err = json.Marshal(value); err != nil {
				return flow.Permanent(fmt.Errorf("mask: %w", err))
			}
			return next.Handle(ctx, &masked, emit)
		})
	}, nil
}
