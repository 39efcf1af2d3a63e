// Package tenant says by an expression whose a record is. It is no handler: it is
// asked before a record waits for its turn.
package tenant

import (
	"context"
	"fmt"

	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/handlers/internal/jq"
)

// New returns the function for a consumer's Pipeline.Tenant. Its tenant is the
// first result as text; a value that is not JSON, an expression that fails and a
// result that is no text, number or boolean name none, which is "".
func New(expression string) (func(*handlers.Record) string, error) {
	e, err := jq.Compile(expression)
	if err != nil {
		return nil, fmt.Errorf("tenant: %w", err)
	}
	return func(rec *handlers.Record) string {
		v, ok, err := e.First(context.Background(), rec)
		if err != nil || !ok {
			return ""
		}
		switch v.(type) {
		case nil, []any, map[string]any:
			return ""
		}
		text, err := jq.Text(v)
		if err != nil {
			return ""
		}
		return string(text)
	}, nil
}
