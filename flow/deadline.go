package flow

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Deadline runs op with a context that ends after d; d <= 0 means no deadline.
// When op fails because the time was up, the error is [Overload], whatever op
// made of it: a side that does not answer in time has no room. When the caller's
// own context ended, the error is op's, which [Classify] ignores. An op that
// succeeds late has succeeded. op runs in the caller's goroutine and must honour
// its context.
func Deadline(ctx context.Context, d time.Duration, op func(context.Context) error) error {
	if d <= 0 {
		return op(ctx)
	}
	limited, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	err := op(limited)
	if err == nil || ctx.Err() != nil || limited.Err() == nil {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || Classify(err) == Overload {
		return Overloaded(fmt.Errorf("no answer within %s: %w", d, err), RetryAfter(err))
	}
	return err
}
