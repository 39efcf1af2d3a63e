package sink

import (
	"errors"
	"fmt"
)

// A BatchError names the messages of a batch that failed, each with its reason.
// Messages that it does not name are durable. The zero value is ready to use.
type BatchError struct {
	failed []Failure
}

// A Failure is one message that failed: its index in the batch and why.
type Failure struct {
	Index int
	Err   error
}

// Add records that the message at index failed with err. A nil err is ignored.
// A message is added once; whoever adds from several goroutines holds a lock.
func (e *BatchError) Add(index int, err error) {
	if err != nil {
		e.failed = append(e.failed, Failure{index, err})
	}
}

// Failed returns the failures in the order they were added.
func (e *BatchError) Failed() []Failure { return e.failed }

// Err returns e, or nil when nothing failed, so that a sink can end with
// "return e.Err()".
func (e *BatchError) Err() error {
	if e == nil || len(e.failed) == 0 {
		return nil
	}
	return e
}

// Error says how many failed and shows the first reason.
func (e *BatchError) Error() string {
	if len(e.failed) == 0 {
		return "no message failed"
	}
	f := e.failed[0]
	return fmt.Sprintf("%d messages failed, the first at index %d: %v", len(e.failed), f.Index, f.Err)
}

// Unwrap returns the reasons, for errors.Is and errors.As.
func (e *BatchError) Unwrap() []error {
	errs := make([]error, len(e.failed))
	for i := range e.failed {
		errs[i] = e.failed[i].Err
	}
	return errs
}

// AsBatchError finds a [*BatchError] in err's chain.
func AsBatchError(err error) (*BatchError, bool) {
	var be *BatchError
	ok := errors.As(err, &be)
	return be, ok
}

// ErrBehindFailed is the reason of a message that was not delivered because an
// earlier one, which it must not overtake, failed. It is retried.
var ErrBehindFailed = errors.New("not delivered: an earlier message failed")
