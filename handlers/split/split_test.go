package split_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/handlers/handlertest"
	"github.com/weir-kafka/weir/handlers/split"
)

func middleware(t *testing.T, expression string) handlers.Middleware {
	t.Helper()
	mw, err := split.New(split.Config{Expression: expression})
	if err != nil {
		t.Fatal(err)
	}
	return mw
}

func run(t *testing.T, expression, value string, opts ...handlertest.RecordOption) handlertest.Result {
	t.Helper()
	return handlertest.Run(t, handlers.Chain(handlers.Pass, middleware(t, expression)), handlertest.Record(value, opts...))
}

func TestEachResultIsAMessageInOrder(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ expression, value, want string }{
		{".items[]", `{"items":[{"n":9007199254740993},"x",null,2.50]}`, `done k={"n":9007199254740993} k="x" k=(tombstone) k=2.50`},
		{".items[]", `{"items":[]}`, "done"},
		{".items[]?", `{}`, "done"},
		{"empty", "1", "done"},
		{".", "1", "done k=1"},
		{".a, .b", `{"a":1,"b":2}`, "done k=1 k=2"},
	} {
		if got := run(t, c.expression, c.value, handlertest.Key("k")).String(); got != c.want {
			t.Errorf("%s of %s: got %s, want %s", c.expression, c.value, got, c.want)
		}
	}
}

func TestMessagesOfARecordAreToldApart(t *testing.T) {
	t.Parallel()
	res := run(t, ".[]", "[1,2]", handlertest.At("in", 1, 7))
	if len(res.Messages) != 2 || res.Messages[0].Source.String() != "in/1/7/0" || res.Messages[1].Source.String() != "in/1/7/1" {
		t.Errorf("got %+v", res.Messages)
	}
}

func TestWhatCanNotBeSplitIsRejected(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		`{"items":7}`: "cannot iterate over: number (7)", `{}`: "cannot iterate over: null", "x": "not JSON", `{"items":[1,{"x":1}`: "not JSON",
	} {
		res := run(t, ".items[]", value)
		if res.Verdict != flow.Reject || !strings.HasPrefix(res.Err.Error(), "split: ") || !strings.Contains(res.Err.Error(), want) {
			t.Errorf("%s: got %s, want a reject with %q", value, res, want)
		}
	}
	if res := run(t, ".items[]", "", handlertest.Tombstone()); res.Verdict != flow.Reject {
		t.Errorf("tombstone: got %s, want a reject", res)
	}
}

func TestFailureOnTheWaySendsNothing(t *testing.T) {
	t.Parallel()
	if res := run(t, `.[] | if . > 2 then error("no") else . end`, "[1,2,3]"); res.Verdict != flow.Reject || len(res.Messages) > 0 {
		t.Errorf("got %s, want a reject and no message", res)
	}
}

func TestErrorOfTheNextHandlerEndsTheSplitAndIsItsOwn(t *testing.T) {
	t.Parallel()
	boom, calls := errors.New("boom"), 0
	next := handlers.Func(func(_ context.Context, rec *handlers.Record, emit handlers.Emit) error {
		if calls++; calls == 2 {
			return boom
		}
		emit(rec.Message())
		return nil
	})
	res := handlertest.Run(t, handlers.Chain(next, middleware(t, ".[]")), handlertest.Record("[1,2,3]"))
	if res.Err != boom || res.Verdict != flow.Retry || calls != 2 || len(res.Messages) > 0 { //nolint:errorlint // the very same
		t.Errorf("got %s after %d calls, want boom after 2", res, calls)
	}
}

func TestRecordBecomesABoundedNumberOfMessages(t *testing.T) {
	t.Parallel()
	next := handlers.Func(func(context.Context, *handlers.Record, handlers.Emit) error { return nil })
	megabyte := "[" + strings.Repeat(strings.Repeat("7", 4095)+",", 255) + "1]"
	for _, c := range []struct {
		expression, value string
		want              flow.Verdict
	}{
		{"range(100000)", "1", flow.Done},
		{"range(100001)", "1", flow.Reject},
		{"repeat(1)", "1", flow.Reject},
		{"limit(64; repeat(.))", megabyte, flow.Done},
		{"limit(65; repeat(.))", megabyte, flow.Reject},
	} {
		if res := handlertest.Run(t, handlers.Chain(next, middleware(t, c.expression)), handlertest.Record(c.value)); res.Verdict != c.want {
			t.Errorf("%s: got %s, want %s", c.expression, res, c.want)
		}
	}
}
