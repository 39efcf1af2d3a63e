package flow

import "errors"

// ErrRefused is in the chain of every error by which a tool of this package
// says no itself: the breaker is open, the queue is closed, too many calls are
// abandoned. No call was made.
var ErrRefused = errors.New("refused before any call was made")
