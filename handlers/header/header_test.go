package header_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/handlers/handlertest"
	"github.com/weir-kafka/weir/handlers/header"
)

func handler(t *testing.T, cfg header.Config) handlers.Handler {
	t.Helper()
	mw, err := header.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return handlers.Chain(handlers.Pass, mw)
}

// headersOf shows the headers of the one message, - for no value.
func headersOf(t *testing.T, res handlertest.Result) string {
	t.Helper()
	if len(res.Messages) != 1 {
		t.Fatalf("got %s, want one message", res)
	}
	var all []string
	for _, h := range res.Messages[0].Headers {
		v := string(h.Value)
		if h.Value == nil {
			v = "-"
		}
		all = append(all, h.Key+":"+v)
	}
	return strings.Join(all, " ")
}

func TestHeadersAreRemovedThenSet(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		cfg  header.Config
		want string
	}{
		{header.Config{Remove: []string{"a", "unknown"}}, "b:2"},
		{header.Config{Set: map[string]string{"z": "26", "c": ""}}, "a:1 b:2 a:3 c: z:26"},
		{header.Config{Set: map[string]string{"a": "new"}}, "b:2 a:new"},
		{header.Config{Remove: []string{"a"}, Set: map[string]string{"a": "new"}}, "b:2 a:new"},
		{header.Config{From: map[string]string{"id": ".id", "name": ".name", "a": `"\($headers.a)!"`}}, "b:2 a:3! id:9007199254740993 name:Ada"},
		{header.Config{From: map[string]string{"none": ".none", "gone": ".none // empty", "b": "empty"}}, "a:1 a:3 none:-"},
	} {
		rec := handlertest.Record(`{"id":9007199254740993,"name":"Ada"}`, handlertest.Header("a", "1"), handlertest.Header("b", "2"), handlertest.Header("a", "3"))
		if got := headersOf(t, handlertest.Run(t, handler(t, c.cfg), rec)); got != c.want {
			t.Errorf("%+v: got %s, want %s", c.cfg, got, c.want)
		}
	}
}

func TestValueNeedNotBeJSONIfNoExpressionReadsIt(t *testing.T) {
	t.Parallel()
	h := handler(t, header.Config{Set: map[string]string{"a": "1"}, From: map[string]string{"from": `"\($topic)/\($partition)"`}})
	if got, want := headersOf(t, handlertest.Run(t, h, handlertest.Record("\x00"))), "a:1 from:topic/0"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestFailureIsAReject(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{".": "not JSON", "error": "not JSON", "$key, $key": "several results", `$key | error("no")`: "no"} {
		res := handlertest.Run(t, handler(t, header.Config{From: map[string]string{"h": expression}}), handlertest.Record("x"))
		if res.Verdict != flow.Reject || !strings.HasPrefix(res.Err.Error(), `header: from "h": `) || !strings.Contains(res.Err.Error(), want) {
			t.Errorf("%s: got %s, want a reject with %q", expression, res, want)
		}
	}
}

func TestHeadersOfOneRecordDoNotReachAnother(t *testing.T) {
	t.Parallel()
	h := handler(t, header.Config{Set: map[string]string{"s": "1"}, From: map[string]string{"n": "."}})
	var recs []*handlers.Record
	for i := range 100 {
		recs = append(recs, handlertest.Record(fmt.Sprint(i), handlertest.Header("old", fmt.Sprint(i))))
	}
	for i, res := range handlertest.Concurrent(t, h, recs...) {
		if got, want := headersOf(t, res), fmt.Sprintf("old:%d s:1 n:%d", i, i); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

func TestWrongConfigIsRefused(t *testing.T) {
	t.Parallel()
	for want, cfg := range map[string]header.Config{
		"nothing to do":             {},
		"stands in set and in from": {Set: map[string]string{"a": "1"}, From: map[string]string{"a": "1"}},
		`from "a": expression`:      {From: map[string]string{"a": ".x =="}},
	} {
		if _, err := header.New(cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
