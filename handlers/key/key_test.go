package key_test

import (
	"strings"
	"testing"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/handlers/handlertest"
	"github.com/weir-kafka/weir/handlers/key"
)

func handler(t *testing.T, expression string) handlers.Handler {
	t.Helper()
	mw, err := key.New(key.Config{Expression: expression})
	if err != nil {
		t.Fatal(err)
	}
	return handlers.Chain(handlers.Pass, mw)
}

const value = `{"id":9007199254740993,"name":"Ada","price":1.50,"tags":{"b":1,"a":[true]},"empty":"","none":null}`

func TestKeyIsTheResult(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		".id": "9007199254740993", ".name": "Ada", ".price": "1.50", ".tags": `{"a":[true],"b":1}`, ".empty": "", ".id == 1": "false",
		`"\(.name)-\(.id)"`: "Ada-9007199254740993", `$key + "!"`: "old!", "$key": "old",
	} {
		res := handlertest.Run(t, handler(t, expression), handlertest.Record(value, handlertest.Key("old")))
		if len(res.Messages) != 1 || res.Messages[0].Key == nil || string(res.Messages[0].Key) != want || string(res.Messages[0].Value) != value {
			t.Errorf("%s: got %s, want key %q and the value as it was", expression, res, want)
		}
	}
}

func TestNullIsNoKey(t *testing.T) {
	t.Parallel()
	for _, expression := range []string{".none", ".missing"} {
		res := handlertest.Run(t, handler(t, expression), handlertest.Record(value, handlertest.Key("old")))
		if len(res.Messages) != 1 || res.Messages[0].Key != nil {
			t.Errorf("%s: got %s, want no key", expression, res)
		}
	}
}

func TestBinaryKeyAndValueGoThrough(t *testing.T) {
	t.Parallel()
	res := handlertest.Run(t, handler(t, `$key + "\u0001"`), handlertest.Record("\xff\x00", handlertest.Key("\xfe")))
	if got, want := res.String(), "done \xfe\x01=\xff\x00"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestOtherThanOneResultIsAReject(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{"empty": "no result", ".id, .name": "several results", ".id.x": "expected an object"} {
		res := handlertest.Run(t, handler(t, expression), handlertest.Record(value))
		if res.Verdict != flow.Reject || !strings.HasPrefix(res.Err.Error(), "key: ") || !strings.Contains(res.Err.Error(), want) {
			t.Errorf("%s: got %s, want a reject with %q", expression, res, want)
		}
	}
}

func TestTombstoneKeepsItsKeyIfTheExpressionSaysSo(t *testing.T) {
	t.Parallel()
	res := handlertest.Run(t, handler(t, ".id // $key"), handlertest.Record("", handlertest.Tombstone(), handlertest.Key("old")))
	if got, want := res.String(), "done old=(tombstone)"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}
