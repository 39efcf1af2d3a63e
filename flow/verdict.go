package flow

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Verdict is what the outcome of one call means for the work it carried.
type Verdict uint8

const (
	// Done means the work took effect and will not be repeated.
	Done Verdict = iota
	// Retry means the call failed for a reason that may pass; the work is tried again.
	Retry
	// Overload means the other side had no room or did not answer in time. The work is tried
	// again, the limit falls, and the work itself is not to blame.
	Overload
	// Reject means the work itself is at fault and no repetition will help.
	Reject
	// Ignore means the caller gave up (its context was cancelled): nothing was learned.
	Ignore
)

// String returns the verdict in lower case, as metrics and logs show it.
func (v Verdict) String() string {
	switch v {
	case Done:
		return "done"
	case Retry:
		return "retry"
	case Overload:
		return "overload"
	case Reject:
		return "reject"
	case Ignore:
		return "ignore"
	}
	return fmt.Sprintf("verdict(%d)", uint8(v))
}

type permanentError struct{ err error }

func (e *permanentError) Error() string { return e.err.Error() }
func (e *permanentError) Unwrap() error { return e.err }

// Permanent marks err as the fault of the work itself, so that it is rejected
// and never retried. Permanent(nil) is nil.
func Permanent(err error) error {
	if err == nil {
		return nil
	}
	return &permanentError{err}
}

type overloadError struct {
	err   error
	after time.Duration
	quota bool
}

func (e *overloadError) Error() string { return e.err.Error() }
func (e *overloadError) Unwrap() error { return e.err }

// Overloaded marks err as a refusal by a side that is full. No call should be
// made before after has passed; zero means that the other side did not say.
// Overloaded(nil, d) is nil.
func Overloaded(err error, after time.Duration) error {
	if err == nil {
		return nil
	}
	return &overloadError{err, max(after, 0), false}
}

// Throttled marks err as a refusal because a quota is used up, as HTTP 429 says: that
// is [Overload] too, but no number of calls in flight is right for a quota, so a
// [Limiter] spaces the calls that come after it. No call should be made before after
// has passed; with zero it is as [Overloaded]. Throttled(nil, d) is nil.
func Throttled(err error, after time.Duration) error {
	if err == nil {
		return nil
	}
	return &overloadError{err, max(after, 0), true}
}

// Classify tells what err means. It is total: nil is [Done]; what [Permanent]
// or [Overloaded] marked is [Reject] or [Overload], the outermost mark winning;
// [context.Canceled] is [Ignore]; [context.DeadlineExceeded] and any error that
// says Timeout() is [Overload], because a side that does not answer in time is
// full as far as the caller can tell; everything else is [Retry].
func Classify(err error) Verdict {
	if err == nil {
		return Done
	}
	for e := err; e != nil; e = errors.Unwrap(e) {
		switch e.(type) { //nolint:errorlint // the outermost mark wins, so the chain is walked by hand
		case *permanentError:
			return Reject
		case *overloadError:
			return Overload
		}
	}
	var (
		perm    *permanentError
		over    *overloadError
		timeout interface{ Timeout() bool }
	)
	switch {
	case errors.As(err, &perm): // inside errors.Join
		return Reject
	case errors.As(err, &over):
		return Overload
	case errors.Is(err, context.Canceled):
		return Ignore
	case errors.Is(err, context.DeadlineExceeded):
		return Overload
	case errors.As(err, &timeout) && timeout.Timeout():
		return Overload
	}
	return Retry
}

// RetryAfter returns how long the side that refused asked to be left alone, or
// zero when err carries no such wish.
func RetryAfter(err error) time.Duration {
	var over *overloadError
	if errors.As(err, &over) {
		return over.after
	}
	return 0
}

// OutcomeOf returns what err says of a call. Its Work is zero.
func OutcomeOf(err error) Outcome {
	o := Outcome{Kind: Classify(err)}
	var over *overloadError
	if errors.As(err, &over) {
		o.RetryAfter, o.Quota = over.after, over.quota
	}
	return o
}
