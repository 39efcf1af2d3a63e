package flow

import (
	"context"
	"errors"
	"math"
	"sync"
)

// RetryBudget bounds retries to a share of what succeeds, so that a side in
// trouble does not get a multiple of its load. It holds Max tokens at most and
// begins full; a success earns Ratio, a retry costs one, a retry of a call
// that timed out costs two: it kept the other side busy for longest. A retry is
// allowed while more than half of the tokens are there. (gRPC proposal A6,
// retry throttling; the price of a timeout is from the AWS SDK's retry quota.)
//
// What to do without a budget is the caller's choice; a pipeline lets retries
// wait, it never drops. The zero value is ready; the fields are set before the
// first use. It is safe for concurrent use.
type RetryBudget struct {
	Max int // zero means 100
	// Ratio is how many tokens a success earns, to a thousandth; zero means a tenth.
	// One is for those whose calls in flight are bounded, so that a retry takes the
	// place of a first attempt and adds no load, and who cannot give up.
	Ratio float64

	mu    sync.Mutex
	spent int // in thousandths of a token
}

const (
	budgetToken   = 1000
	budgetTimeout = 2 * budgetToken
	budgetRatio   = 0.1
)

// Succeeded earns what a success is worth.
func (b *RetryBudget) Succeeded() {
	b.mu.Lock()
	defer b.mu.Unlock()
	ratio := b.Ratio
	if ratio <= 0 {
		ratio = budgetRatio
	}
	b.spent = max(b.spent-int(math.Round(ratio*budgetToken)), 0)
}

// Allow reports whether the call that failed with cause may be tried again, and
// pays for it when it may.
func (b *RetryBudget) Allow(cause error) bool {
	cost := budgetToken
	if timedOut(cause) {
		cost = budgetTimeout
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.tokens() <= b.full()/2 {
		return false
	}
	b.spent += cost
	return true
}

// Tokens returns what is left, in tokens.
func (b *RetryBudget) Tokens() float64 {
	b.mu.Lock()
	defer b.mu.Unlock()
	return float64(b.tokens()) / budgetToken
}

func (b *RetryBudget) full() int { return orDefault(b.Max, 100) * budgetToken }

func (b *RetryBudget) tokens() int { return b.full() - b.spent }

// timedOut reports whether err says that there was no answer in time.
func timedOut(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.Is(err, context.DeadlineExceeded) || errors.As(err, &timeout) && timeout.Timeout()
}
