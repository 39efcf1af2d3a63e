package filter_test

import (
	"strings"
	"testing"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/handlers/filter"
	"github.com/weir-kafka/weir/handlers/handlertest"
)

func handler(t *testing.T, expression string) handlers.Handler {
	t.Helper()
	mw, err := filter.New(filter.Config{Expression: expression})
	if err != nil {
		t.Fatal(err)
	}
	return handlers.Chain(handlers.Pass, mw)
}

func TestRecordIsKeptIfTheFirstResultIsTrue(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ expression, want string }{
		{".n > 1", "done "}, {".n > 2", "done"}, {".n", "done "}, {".none", "done"}, {"0", "done "}, {`""`, "done "}, {"[]", "done "}, {"{}", "done "},
		{"empty", "done"}, {"true, error", "done "}, {"false, true", "done"}, {"null", "done"}, {`$topic == "topic"`, "done "},
	} {
		const value = ` {"n" : 2, "b": 1, "a": 1.0} ` // kept byte by byte
		want := c.want
		if strings.HasSuffix(want, " ") {
			want += "k=" + value
		}
		if got := handlertest.Run(t, handler(t, c.expression), handlertest.Record(value, handlertest.Key("k"))).String(); got != want {
			t.Errorf("%s: got %q, want %q", c.expression, got, want)
		}
	}
}

func TestTombstoneIsNull(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{".amount > 0": "done", ". == null or .amount > 0": "done k=(tombstone)"} {
		if got := handlertest.Run(t, handler(t, expression), handlertest.Record("", handlertest.Tombstone(), handlertest.Key("k"))).String(); got != want {
			t.Errorf("%s: got %q, want %q", expression, got, want)
		}
	}
}

func TestFailureIsAReject(t *testing.T) {
	t.Parallel()
	for value, expression := range map[string]string{"not JSON": ".", "": ".", `{"a":1}`: ".a.b", "[]": `error("no")`} {
		res := handlertest.Run(t, handler(t, expression), handlertest.Record(value))
		if res.Verdict != flow.Reject || !strings.HasPrefix(res.Err.Error(), "filter: ") {
			t.Errorf("%s: got %s, want a reject by the filter", expression, res)
		}
	}
}

func TestValueNeedNotBeJSONIfOnlyHeadersDecide(t *testing.T) {
	t.Parallel()
	h := handler(t, `$headers.type == "order"`)
	got := handlertest.RunAll(t, h, handlertest.Record("\x00\x01", handlertest.Header("type", "order")), handlertest.Record("\x00\x01"))
	if len(got[0].Messages) != 1 || len(got[1].Messages) != 0 || got[1].Err != nil {
		t.Errorf("got %s and %s, want the first one kept", got[0], got[1])
	}
}

func TestFilterServesManyGoroutines(t *testing.T) {
	t.Parallel()
	var recs []*handlers.Record
	for range 50 {
		recs = append(recs, handlertest.Record(`{"n":1}`), handlertest.Record(`{"n":2}`))
	}
	for i, res := range handlertest.Concurrent(t, handler(t, ".n == 2"), recs...) {
		if len(res.Messages) != i%2 || res.Err != nil {
			t.Errorf("record %d: got %s", i, res)
		}
	}
}

func TestWrongExpressionIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := filter.New(filter.Config{Expression: ".a =="}); err == nil {
		t.Error("got no error")
	}
}
