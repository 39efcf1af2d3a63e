package handlers

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/weir-kafka/weir/flow"
)

// JSON returns a handler that decodes each value into a T, as encoding/json does:
// unknown fields are allowed, and the text null is a zero T. A value that does
// not decode is rejected, and so is a tombstone (a nil value), which is no T:
// handle tombstones in a middleware before. v shares no memory with rec.
func JSON[T any](f func(ctx context.Context, v T, rec *Record, emit Emit) error) Handler {
	return Func(func(ctx context.Context, rec *Record, emit Emit) error {
		var v T
		if err := json.Unmarshal(rec.Value, &v); err != nil {
			return flow.Permanent(fmt.Errorf("decode the value as JSON: %w", err))
		}
		return f(ctx, v, rec, emit)
	})
}
