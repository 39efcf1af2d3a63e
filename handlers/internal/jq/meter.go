package jq

import (
	"context"
	"fmt"
)

// Steps that one run may take: stepsPerRun, and stepsPerByte for each byte of
// the value. A step takes some tens of nanoseconds, so an expression that does not end
// is given up after a fraction of a second. A time limit would reject
// records because the machine is busy; a count rejects the same ones always.
const (
	stepsPerRun  = 5_000_000
	stepsPerByte = 20
)

// meter is the context of one run. gojq asks Done before every step, so counting
// the questions counts the steps; TestEndlessExpressionIsRejected holds that.
type meter struct {
	context.Context //nolint:containedctx // it is a context
	left            int
	limit           int
}

func newMeter(ctx context.Context, valueBytes int) *meter {
	n := stepsPerRun + stepsPerByte*valueBytes
	return &meter{ctx, n, n}
}

// Done returns nil, which blocks, on most steps: asking the parent on every
// 256th is soon enough. It is called by one goroutine only.
func (m *meter) Done() <-chan struct{} {
	m.left--
	switch {
	case m.left < 0:
		closed := make(chan struct{})
		close(closed)
		return closed
	case m.left&0xff == 0:
		return m.Context.Done()
	}
	return nil
}

// Err returns why the run ends.
func (m *meter) Err() error {
	if err := m.Context.Err(); err != nil || m.left >= 0 {
		return err
	}
	return fmt.Errorf("it has not ended after %d steps", m.limit)
}
