package flow_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/weir-kafka/weir/flow"
)

func TestRetryBudgetAllowsAboveHalf(t *testing.T) {
	t.Parallel()
	plain := errors.New("refused")
	for _, c := range []struct {
		name  string
		max   int
		cause error
		want  int
	}{
		{"the default", 0, plain, 50},
		{"a budget of ten", 10, plain, 5},
		{"timeouts cost two", 0, fmt.Errorf("write: %w", context.DeadlineExceeded), 25},
		{"an odd budget", 5, plain, 3},
	} {
		b := flow.RetryBudget{Max: c.max}
		got := 0
		for b.Allow(c.cause) {
			got++
		}
		if got != c.want {
			t.Errorf("%s: %d retries, want %d", c.name, got, c.want)
		}
		b.Succeeded()
		if c.max != 5 && !b.Allow(c.cause) {
			t.Errorf("%s: a success earned no retry", c.name)
		}
	}
}

func TestRetryBudgetSettlesAtATenthOfTheSuccesses(t *testing.T) {
	t.Parallel()
	var b flow.RetryBudget
	retries := 0
	for range 10000 {
		for b.Allow(errors.New("refused")) {
			retries++
		}
		b.Succeeded()
	}
	if retries < 1045 || retries > 1055 { // 50 in the beginning, then one for each ten
		t.Errorf("%d retries on 10000 successes, want 1050", retries)
	}
	for range 10000 {
		b.Succeeded()
	}
	if got := b.Tokens(); got != 100 {
		t.Errorf("%v tokens, want no more than 100", got)
	}
}

func TestRetryBudgetEarnsItsRatio(t *testing.T) {
	t.Parallel()
	for ratio, want := range map[float64]int{0: 100, 0.25: 250, 1: 1000, 10: 1000} {
		b := flow.RetryBudget{Ratio: ratio}
		for b.Allow(errors.New("refused")) {
		}
		retries := 0
		for range 1000 {
			b.Succeeded()
			if b.Allow(errors.New("refused")) {
				retries++
			}
		}
		if retries < want-1 || retries > want {
			t.Errorf("ratio %v: %d retries on 1000 successes, want %d", ratio, retries, want)
		}
	}
}

// A deadline that [flow.Deadline] set is known as a timeout through its wrapping.
func TestRetryBudgetKnowsADeadline(t *testing.T) {
	t.Parallel()
	var b flow.RetryBudget
	err := flow.Deadline(t.Context(), time.Nanosecond, func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() })
	b.Allow(err)
	if got := b.Tokens(); got != 98 {
		t.Errorf("%v tokens after a retry of %v, want 98", got, err)
	}
}
