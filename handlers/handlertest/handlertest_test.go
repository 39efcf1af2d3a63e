package handlertest_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/handlers/handlertest"
	"github.com/weir-kafka/weir/sink"
)

// spy is a test that notes its failures.
type spy struct {
	testing.TB
	ctx    context.Context
	failed []string
}

func (s *spy) Helper()                  {}
func (s *spy) Context() context.Context { return s.ctx }
func (s *spy) Errorf(format string, args ...any) {
	s.failed = append(s.failed, fmt.Sprintf(format, args...))
}

// failures returns what RunAll finds wrong with h.
func failures(t *testing.T, h handlers.Func) string {
	s := &spy{TB: t, ctx: t.Context()}
	handlertest.RunAll(s, h, handlertest.Record("one", handlertest.Header("h", "x")), handlertest.Record("two", handlertest.Header("h", "y")))
	return strings.Join(s.failed, "\n")
}

func TestHandlerThatBreaksItsPromiseIsFoundOut(t *testing.T) {
	t.Parallel()
	var buf []byte
	for want, h := range map[string]handlers.Func{
		"changed the record topic/0/0": func(_ context.Context, rec *handlers.Record, _ handlers.Emit) error {
			rec.Value[0] = 'X'
			return nil
		},
		"changed the record": func(_ context.Context, rec *handlers.Record, _ handlers.Emit) error {
			rec.Headers[0].Value = nil
			return nil
		},
		"changed message 0 of topic/0/0 after": func(_ context.Context, rec *handlers.Record, emit handlers.Emit) error {
			buf = append(buf[:0], rec.Value...) // used again by the next call
			emit(sink.Message{Value: buf})
			return nil
		},
	} {
		if got := failures(t, h); !strings.Contains(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	well := func(_ context.Context, rec *handlers.Record, emit handlers.Emit) error {
		emit(rec.Message())
		m := rec.Message()
		m.Headers = append(slices.Clone(m.Headers), handlers.Header{Key: "new"})
		emit(m)
		return nil
	}
	if got := failures(t, well); got != "" {
		t.Errorf("got %q, want nothing", got)
	}
}

func TestEmitAfterReturnIsFoundOut(t *testing.T) {
	t.Parallel()
	s := &spy{TB: t, ctx: t.Context()}
	var late handlers.Emit
	res := handlertest.Run(s, handlers.Func(func(_ context.Context, _ *handlers.Record, emit handlers.Emit) error {
		late = emit
		return nil
	}), handlertest.Record("v"))
	late(sink.Message{})
	if len(s.failed) != 1 || !strings.Contains(s.failed[0], "after it returned") || len(res.Messages) > 0 {
		t.Errorf("got %q and %s", s.failed, res)
	}
}

func TestHandlerThatKeepsARecordReadsRubbish(t *testing.T) {
	t.Parallel()
	var kept *handlers.Record
	var value, header []byte
	handlertest.Run(t, handlers.Func(func(_ context.Context, rec *handlers.Record, _ handlers.Emit) error {
		kept, value, header = rec, rec.Value, rec.Headers[0].Value
		return nil
	}), handlertest.Record("value", handlertest.Header("h", "x")))
	if kept.Topic != "overwritten" || kept.Value != nil || string(value) == "value" || string(header) == "x" {
		t.Errorf("got %+v, %q, %q, want rubbish", kept, value, header)
	}
}

func TestRecordOfTheTestStaysAsItWas(t *testing.T) {
	t.Parallel()
	rec := handlertest.Record("v", handlertest.Key("k"), handlertest.Header("h", "x"))
	for range 2 {
		if got := handlertest.Run(t, handlers.Pass, rec).String(); got != "done k=v" {
			t.Errorf("got %s, want done k=v", got)
		}
	}
}

func TestErrorHasItsVerdict(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	for _, c := range []struct {
		ctx  context.Context
		err  error
		want flow.Verdict
	}{
		{t.Context(), boom, flow.Retry},
		{t.Context(), flow.Permanent(boom), flow.Reject},
		{t.Context(), flow.Overloaded(boom, time.Second), flow.Overload},
		{t.Context(), context.Canceled, flow.Retry}, // of some other context
		{ended, context.Canceled, flow.Ignore},
	} {
		h := handlers.Func(func(_ context.Context, rec *handlers.Record, emit handlers.Emit) error {
			emit(rec.Message())
			return c.err
		})
		res := handlertest.RunContext(c.ctx, t, h, handlertest.Record("v"))
		if res.Verdict != c.want || !errors.Is(res.Err, c.err) || len(res.Messages) > 0 {
			t.Errorf("%v: got %s, want %s and no message", c.err, res, c.want)
		}
	}
}

func TestPanicIsAReject(t *testing.T) {
	t.Parallel()
	h := handlers.Func(func(_ context.Context, rec *handlers.Record, emit handlers.Emit) error {
		emit(rec.Message())
		panic("ouch")
	})
	res := handlertest.Run(t, h, handlertest.Record("v"))
	if got, want := res.String(), "reject: panic: ouch"; got != want || !strings.Contains(res.Err.Error(), "handlertest_test.go") {
		t.Errorf("got %s, want %s and the stack", got, want)
	}
}

func TestStringShowsEachMessage(t *testing.T) {
	t.Parallel()
	h := handlers.Func(func(_ context.Context, rec *handlers.Record, emit handlers.Emit) error {
		emit(sink.Message{Key: []byte("k"), Value: []byte("v"), Route: "audit"})
		emit(sink.Message{Value: []byte{}})
		emit(sink.Message{Key: []byte("k")})
		return nil
	})
	res := handlertest.Run(t, h, handlertest.Record("v"))
	if got, want := res.String(), "done audit:k=v  k=(tombstone)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := res.Values(); !slices.Equal(got, []string{"v", "", ""}) {
		t.Errorf("got %q", got)
	}
}

func TestConcurrentReturnsResultsInOrder(t *testing.T) {
	t.Parallel()
	var recs []*handlers.Record
	for i := range 50 {
		recs = append(recs, handlertest.Record(fmt.Sprint(i)))
	}
	for i, res := range handlertest.Concurrent(t, handlers.Pass, recs...) {
		if got, want := res.String(), fmt.Sprintf("done %d", i); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestWaitingTakesNoTimeInABubble(t *testing.T) {
	t.Parallel()
	slow := handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
		select {
		case <-time.After(time.Hour):
			emit(rec.Message())
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		res := handlertest.Run(t, slow, handlertest.Record("v"))
		if got := time.Since(start); got != time.Hour || res.String() != "done v" {
			t.Errorf("got %s after %s, want done v after an hour", res, got)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if res := handlertest.RunContext(ctx, t, slow, handlertest.Record("v")); res.Verdict != flow.Overload {
			t.Errorf("got %s, want %s", res, flow.Overload)
		}
	})
}
