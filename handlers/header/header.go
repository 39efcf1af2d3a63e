// Package header sets and removes headers.
package header

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/handlers/internal/jq"
)

// Config says which headers.
type Config struct {
	Set    map[string]string `yaml:"set" doc:"Headers to set, name to text. A header of that name is replaced."`
	From   map[string]string `yaml:"from" doc:"Headers to set from the record, name to jq expression. Variables as in filter."`
	Remove []string          `yaml:"remove" doc:"Headers to remove."`
}

// New returns the middleware. Headers are removed first, then set in the order
// of their names.
func New(cfg Config) (handlers.Middleware, error) {
	if len(cfg.Set)+len(cfg.From)+len(cfg.Remove) == 0 {
		return nil, errors.New("header: nothing to do; give set, from or remove")
	}
	from := make(map[string]*jq.Expression, len(cfg.From))
	for name, text := range cfg.From {
		if _, twice := cfg.Set[name]; twice {
			return nil, fmt.Errorf("header: %q stands in set and in from; keep one", name)
		}
		e, err := jq.Compile(text)
		if err != nil {
			return nil, fmt.Errorf("header: from %q: %w", name, err)
		}
		from[name] = e
	}
	h := &rewrite{set: cfg.Set, from: from, setNames: slices.Sorted(maps.Keys(cfg.Set)), fromNames: slices.Sorted(maps.Keys(from)), gone: map[string]bool{}}
	for _, name := range slices.Concat(cfg.Remove, h.setNames, h.fromNames) {
		h.gone[name] = true
	}
	return h.middleware, nil
}

type rewrite struct {
	set                 map[string]string
	from                map[string]*jq.Expression
	setNames, fromNames []string
	gone                map[string]bool
}

func (h *rewrite) middleware(next handlers.Handler) handlers.Handler {
	return handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
		changed := *rec
		changed.Headers = make([]handlers.Header, 0, len(rec.Headers)+len(h.setNames)+len(h.fromNames))
		for _, old := range rec.Headers {
			if !h.gone[old.Key] {
				changed.Headers = append(changed.Headers, old)
			}
		}
		for _, name := range h.setNames {
			changed.Headers = append(changed.Headers, handlers.Header{Key: name, Value: []byte(h.set[name])})
		}
		for _, name := range h.fromNames {
			v, _, err := h.from[name].One(ctx, rec)
			if err != nil {
				return fmt.Errorf("header: from %q: %w", name, err)
			}
			text, err := jq.Text(v)
			if err != nil {
				return fmt.Errorf("header: from %q: %w", name, err)
			}
			changed.Headers = append(changed.Headers, handlers.Header{Key: name, Value: text})
		}
		return next.Handle(ctx, &changed, emit)
	})
}
