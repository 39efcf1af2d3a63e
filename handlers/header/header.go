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
	Set    map[string]string `yaml:"set" doc:"Headers to set, name to text. Headers of that name are replaced."`
	From   map[string]string `yaml:"from" doc:"Headers to set from the record, name to jq expression: a string as it is, null as a header without a value, everything else as JSON; no result sets none. Variables as in filter."`
	Remove []string          `yaml:"remove" doc:"Headers to remove."`
}

// New returns the middleware. Headers are removed first, then set, then set from
// the record, each in the order of their names; all expressions see the headers
// that the record came with. An expression that fails or gives several results
// rejects the record.
func New(cfg Config) (handlers.Middleware, error) {
	if len(cfg.Set)+len(cfg.From)+len(cfg.Remove) == 0 {
		return nil, errors.New("header: nothing to do; give set, from or remove")
	}
	h := &rewrite{gone: map[string]bool{}}
	for _, name := range slices.Sorted(maps.Keys(cfg.Set)) {
		h.set = append(h.set, handlers.Header{Key: name, Value: []byte(cfg.Set[name])})
		h.gone[name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.From)) {
		if _, twice := cfg.Set[name]; twice {
			return nil, fmt.Errorf("header: %q stands in set and in from; keep one", name)
		}
		e, err := jq.Compile(cfg.From[name])
		if err != nil {
			return nil, fmt.Errorf("header: from %q: %w", name, err)
		}
		h.from = append(h.from, source{name, e})
		h.gone[name] = true
	}
	for _, name := range cfg.Remove {
		h.gone[name] = true
	}
	return h.middleware, nil
}

type rewrite struct {
	set  []handlers.Header
	from []source
	gone map[string]bool // headers of the record that do not go on
}

// source is a header that is set from the record.
type source struct {
	name string
	of   *jq.Expression
}

func (h *rewrite) middleware(next handlers.Handler) handlers.Handler {
	return handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
		changed := *rec
		changed.Headers = make([]handlers.Header, 0, len(rec.Headers)+len(h.set)+len(h.from))
		for _, old := range rec.Headers {
			if !h.gone[old.Key] {
				changed.Headers = append(changed.Headers, old)
			}
		}
		changed.Headers = append(changed.Headers, h.set...)
		for _, from := range h.from {
			v, ok, err := from.of.One(ctx, rec)
			if err != nil {
				return fmt.Errorf("header: from %q: %w", from.name, err)
			}
			if !ok {
				continue
			}
			text, err := jq.Text(v)
			if err != nil {
				return fmt.Errorf("header: from %q: %w", from.name, err)
			}
			changed.Headers = append(changed.Headers, handlers.Header{Key: from.name, Value: text})
		}
		return next.Handle(ctx, &changed, emit)
	})
}
