package mapping_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/handlers/handlertest"
	"github.com/weir-kafka/weir/handlers/mapping"
)

func handler(t *testing.T, expression string) handlers.Handler {
	t.Helper()
	mw, err := mapping.New(mapping.Config{Expression: expression})
	if err != nil {
		t.Fatal(err)
	}
	return handlers.Chain(handlers.Pass, mw)
}

func TestValueBecomesTheResult(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ expression, value, want string }{
		{".", `{"b":1,"a":2}`, `{"a":2,"b":1}`},
		{"{id: .id}", `{"id":9007199254740993,"x":1}`, `{"id":9007199254740993}`},
		{".id", `{"id":9223372036854775807}`, "9223372036854775807"},
		{".price", `{"price":129.90}`, "129.90"},
		{".s", `{"s":"<a>&\u00e9"}`, `"<a>&é"`},
		{"[.[] | . * 2]", "[1,2]", "[2,4]"},
		{`. + {topic: $topic}`, "{}", `{"topic":"topic"}`},
		{"nan", "1", "null"},
		{"false", "1", "false"},
	} {
		if got, want := handlertest.Run(t, handler(t, c.expression), handlertest.Record(c.value)).String(), "done "+c.want; got != want {
			t.Errorf("%s of %s: got %s, want %s", c.expression, c.value, got, want)
		}
	}
}

func TestNullIsATombstoneInAndOut(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		expression string
		rec        *handlers.Record
	}{
		{".", handlertest.Record("", handlertest.Tombstone())},
		{".payload", handlertest.Record("", handlertest.Tombstone())},
		{".", handlertest.Record("null")},
		{"if .deleted then null else . end", handlertest.Record(`{"deleted":true}`)},
	} {
		res := handlertest.Run(t, handler(t, c.expression), c.rec)
		if len(res.Messages) != 1 || res.Messages[0].Value != nil {
			t.Errorf("%s: got %s, want a tombstone", c.expression, res)
		}
	}
	res := handlertest.Run(t, handler(t, "{deleted: (. == null), key: $key}"), handlertest.Record("", handlertest.Tombstone(), handlertest.Key("k")))
	if got, want := res.String(), `done k={"deleted":true,"key":"k"}`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestKeyHeadersAndTimestampStay(t *testing.T) {
	t.Parallel()
	rec := handlertest.Record(`{"a":1}`, handlertest.Key("k"), handlertest.Header("h", "1"), handlertest.Header("h", "2"))
	res := handlertest.Run(t, handler(t, ".a"), rec)
	if len(res.Messages) != 1 {
		t.Fatalf("got %s, want a message", res)
	}
	m := res.Messages[0]
	if string(m.Key) != "k" || len(m.Headers) != 2 || string(m.Headers[1].Value) != "2" || !m.Timestamp.Equal(rec.Timestamp) {
		t.Errorf("got %+v, want key, headers and timestamp of the record", m)
	}
}

func TestOtherThanOneResultIsAReject(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		"empty": "no result", ".[]": "several results", "error(1)": "error: 1", ".a": "expected an object", "1, error(2)": "error: 2",
	} {
		res := handlertest.Run(t, handler(t, expression), handlertest.Record("[1,2]"))
		if res.Verdict != flow.Reject || !strings.HasPrefix(res.Err.Error(), "map: ") || !strings.Contains(res.Err.Error(), want) {
			t.Errorf("%s: got %s, want a reject with %q", expression, res, want)
		}
	}
}

func TestErrorOfTheNextHandlerIsItsOwn(t *testing.T) {
	t.Parallel()
	mw, err := mapping.New(mapping.Config{Expression: "."})
	if err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	next := handlers.Func(func(context.Context, *handlers.Record, handlers.Emit) error { return boom })
	if res := handlertest.Run(t, handlers.Chain(next, mw), handlertest.Record("1")); res.Verdict != flow.Retry || res.Err != boom { //nolint:errorlint // the very same
		t.Errorf("got %s, want boom", res)
	}
}
