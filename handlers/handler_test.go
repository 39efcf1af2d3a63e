package handlers_test

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/handlers/handlertest"
)

func TestPassEmitsTheRecordAsItIs(t *testing.T) {
	t.Parallel()
	rec := handlertest.Record("v", handlertest.Key("k"), handlertest.Header("h", "1"), handlertest.Header("h", "2"), handlertest.At("in", 2, 7))
	res := handlertest.Run(t, handlers.Pass, rec)
	if len(res.Messages) != 1 {
		t.Fatalf("got %s, want one message", res)
	}
	m := res.Messages[0]
	if string(m.Key) != "k" || string(m.Value) != "v" || len(m.Headers) != 2 || m.Source.String() != "in/2/7/0" || !m.Timestamp.Equal(rec.Timestamp) {
		t.Errorf("got %+v, want what stood in the record", m)
	}
}

func TestAbsentAndEmptyStayApart(t *testing.T) {
	t.Parallel()
	for _, rec := range []*handlers.Record{{}, {Key: []byte{}, Value: []byte{}, Headers: []handlers.Header{{Key: "a"}, {Key: "b", Value: []byte{}}}}} {
		c, m := rec.Clone(), rec.Message()
		for _, got := range [][]byte{c.Key, c.Value, m.Key, m.Value} {
			if (got == nil) != (rec.Value == nil) {
				t.Errorf("got nil %t, want nil %t", got == nil, rec.Value == nil)
			}
		}
		for i, h := range rec.Headers {
			if (c.Headers[i].Value == nil) != (h.Value == nil) {
				t.Errorf("header %s: got nil %t", h.Key, c.Headers[i].Value == nil)
			}
		}
	}
}

func TestCloneSharesNoMemory(t *testing.T) {
	t.Parallel()
	rec := handlertest.Record("value", handlertest.Key("key"), handlertest.Header("h", "x"))
	c := rec.Clone()
	rec.Key[0], rec.Value[0], rec.Headers[0].Value[0], rec.Headers[0].Key = '!', '!', '!', "!"
	if string(c.Key) != "key" || string(c.Value) != "value" || c.Headers[0].Key != "h" || string(c.Headers[0].Value) != "x" {
		t.Errorf("got %+v, want what it was", c)
	}
}

func TestMessageSharesTheRecordsMemory(t *testing.T) {
	t.Parallel()
	rec := handlertest.Record("value")
	if m := rec.Message(); &m.Value[0] != &rec.Value[0] {
		t.Error("got a copy; passing on a record copies nothing")
	}
}

func TestFirstMiddlewareSeesTheRecordFirst(t *testing.T) {
	t.Parallel()
	var seen []string
	note := func(name string) handlers.Middleware {
		return func(next handlers.Handler) handlers.Handler {
			return handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
				seen = append(seen, name)
				defer func() { seen = append(seen, "/"+name) }()
				return next.Handle(ctx, rec, emit)
			})
		}
	}
	res := handlertest.Run(t, handlers.Chain(handlers.Pass, note("a"), note("b")), handlertest.Record("v"))
	if want := []string{"a", "b", "/b", "/a"}; !slices.Equal(seen, want) || len(res.Messages) != 1 {
		t.Errorf("got %v and %s, want %v", seen, res, want)
	}
	if got := handlertest.Run(t, handlers.Chain(handlers.Pass), handlertest.Record("v")).String(); got != "done v" {
		t.Errorf("without middleware: got %s, want done v", got)
	}
}

type amount struct {
	ID    int64    `json:"id"`
	Cents *int     `json:"cents"`
	Tags  []string `json:"tags"`
}

func TestJSONDecodesEachValueAnew(t *testing.T) {
	t.Parallel()
	var got []amount
	h := handlers.JSON(func(_ context.Context, a amount, _ *handlers.Record, _ handlers.Emit) error {
		got = append(got, a)
		return nil
	})
	handlertest.RunAll(t, h,
		handlertest.Record(`{"id": 9007199254740993, "cents": 1, "tags": ["a", "b"], "unknown": {}}`),
		handlertest.Record(`{"id": 2}`),
		handlertest.Record(`null`),
	)
	if len(got) != 3 || got[0].ID != 9007199254740993 || *got[0].Cents != 1 || !slices.Equal(got[0].Tags, []string{"a", "b"}) {
		t.Fatalf("got %+v", got)
	}
	if got[1].Cents != nil || got[1].Tags != nil || got[2].ID != 0 {
		t.Errorf("got %+v, want nothing of the record before", got[1:])
	}
}

func TestJSONRejectsWhatIsNoT(t *testing.T) {
	t.Parallel()
	h := handlers.JSON(func(context.Context, amount, *handlers.Record, handlers.Emit) error { return errors.New("called") })
	for _, rec := range []*handlers.Record{
		handlertest.Record("", handlertest.Tombstone()), handlertest.Record(""), handlertest.Record("{"), handlertest.Record(`{"id":"x"}`),
		handlertest.Record(`{"id":1.5}`), handlertest.Record(`{"id":1} {}`), handlertest.Record(`[]`),
	} {
		res := handlertest.Run(t, h, rec)
		if res.Verdict != flow.Reject {
			t.Errorf("%q: got %s, want a reject", rec.Value, res)
		}
	}
}

func TestErrorOfTheFunctionKeepsItsMeaning(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for err, want := range map[error]flow.Verdict{nil: flow.Done, boom: flow.Retry, flow.Permanent(boom): flow.Reject, flow.Overloaded(boom, 0): flow.Overload} {
		h := handlers.JSON(func(context.Context, int, *handlers.Record, handlers.Emit) error { return err })
		if res := handlertest.Run(t, h, handlertest.Record("1")); res.Verdict != want {
			t.Errorf("%v: got %s, want %s", err, res.Verdict, want)
		}
	}
}
