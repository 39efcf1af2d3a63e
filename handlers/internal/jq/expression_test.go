package jq_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/handlers/handlertest"
	"github.com/weir-kafka/weir/handlers/internal/jq"
)

func compile(t testing.TB, text string) *jq.Expression {
	t.Helper()
	e, err := jq.Compile(text)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

// results returns every result as JSON, and how the run ended.
func results(t testing.TB, text string, rec *handlers.Record) ([]string, error) {
	t.Helper()
	var all []string
	for v, err := range compile(t, text).Results(t.Context(), rec) {
		if err != nil {
			return all, err
		}
		b, err := jq.Value(v)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, string(b))
	}
	return all, nil
}

func TestNumbersSurviveDigitByDigit(t *testing.T) {
	t.Parallel()
	for _, n := range []string{
		"0", "-0", "1", "-1", "9007199254740993", "9223372036854775807", "-9223372036854775808", "9223372036854775808",
		"123456789012345678901234567890", "1.10", "0.1234567890123456789", "-1.0", "1e5", "1E+400", "1e-400", "2.50e-3",
	} {
		value := fmt.Sprintf(`{"id":%s,"in":[%s]}`, n, n)
		got, err := results(t, ".", handlertest.Record(value))
		if err != nil || len(got) != 1 || got[0] != value {
			t.Errorf("got %v, %v, want %s", got, err, value)
		}
	}
}

func TestIntegersAreComputedExactly(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		".id + 1":                 "9007199254740994",
		".id == .id - 0":          "true",
		".id == 9007199254740992": "false",
		".big + 1":                "9223372036854775808",
		".big * 2":                "18446744073709551614",
		"[.id] | tojson":          `"[9007199254740993]"`,
		".id | tostring":          `"9007199254740993"`,
		".price * 2":              "2.2",
		".price == 1.1":           "true",
	} {
		got, err := results(t, expression, handlertest.Record(`{"id":9007199254740993,"big":9223372036854775807,"price":1.10}`))
		if err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%s: got %v, %v, want %s", expression, got, err, want)
		}
	}
}

func TestValuesAreReadAsJSON(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		` { "b" : [ 1 , 2 ] , "a" : { } , "c" : [ ] } `: `{"a":{},"b":[1,2],"c":[]}`,
		"\t\r\n[ true,false , null ]\n":                 `[true,false,null]`,
		`"a\"b\\c\u00e9\n\ud83d\ude00\/"`:               `"a\"b\\cé\n😀/"`,
		`{"a\u0062":"\\"}`:                              `{"ab":"\\"}`,
		`{"a":1,"a":2}`:                                 `{"a":2}`,
		`""`:                                            `""`,
		`{"":""}`:                                       `{"":""}`,
		"\"\xff\"":                                      `"\ufffd"`,
		`-12`:                                           `-12`,
	} {
		got, err := results(t, ".", handlertest.Record(value))
		if err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%q: got %v, %v, want %s", value, got, err, want)
		}
	}
}

func TestTombstoneIsNullAndNullIsATombstone(t *testing.T) {
	t.Parallel()
	e := compile(t, ".")
	v, ok, err := e.One(t.Context(), handlertest.Record("", handlertest.Tombstone()))
	if v != nil || !ok || err != nil {
		t.Errorf("got %v, %t, %v, want null", v, ok, err)
	}
	if b, err := jq.Value(v); b != nil || err != nil {
		t.Errorf("got %q, %v, want no value", b, err)
	}
}

func TestValueThatIsNotJSONIsRejected(t *testing.T) {
	t.Parallel()
	for _, value := range []string{
		"", " ", "{", "nope", "1 2", "{} {}", `{"a":1}x`, `{a:1}`, `[1,]`, "\xef\xbb\xbf1", "01", "+1", "NaN", `"` + "\n" + `"`,
		strings.Repeat("[", 20_000) + strings.Repeat("]", 20_000), "1" + strings.Repeat("0", 5000),
	} {
		got, err := results(t, ".", handlertest.Record(value))
		if len(got) > 0 || flow.Classify(err) != flow.Reject {
			t.Errorf("%.20q: got %v, %v, want a reject", value, got, err)
		}
	}
}

func TestRunThatFailsIsRejected(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		"error":            `expression "error": error: {"n":2}`,
		`error("too bad")`: `too bad`,
		"error(null)":      "null",
		"halt":             "halt",
		"halt_error":       "halt",
		".n / 0":           "cannot divide number (2) by: number (0)",
		".n[]":             "cannot iterate over: number (2)",
		".n.x":             "expected an object",
		"tonumber":         "tonumber",
		"1, error(2)":      "error: 2",
	} {
		_, err := results(t, expression, handlertest.Record(`{"n":2}`))
		if flow.Classify(err) != flow.Reject || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want a reject with %q", expression, err, want)
		}
	}
}

func TestErrorDoesNotCarryTheValue(t *testing.T) {
	t.Parallel()
	_, err := results(t, "error", handlertest.Record(`"`+strings.Repeat("é", 1<<20)+`"`))
	if err == nil || len(err.Error()) > 2000 {
		t.Fatalf("got an error of %d bytes, want a short one", len(err.Error()))
	}
}

func TestEndlessExpressionIsRejected(t *testing.T) {
	t.Parallel()
	for expression, ctx := range map[string]context.Context{
		"first(repeat(empty))":        t.Context(),
		"try until(false; .) catch 1": context.Background(), // which can not end
	} {
		_, ok, err := compile(t, expression).First(ctx, handlertest.Record("1"))
		if ok || flow.Classify(err) != flow.Reject || !strings.Contains(err.Error(), "has not ended after 5000020 steps") {
			t.Errorf("%s: got %t, %v, want a reject", expression, ok, err)
		}
	}
}

func TestLargeValueHasStepsEnough(t *testing.T) {
	t.Parallel()
	value := "[" + strings.Repeat("1,", 399_999) + "1]"
	got, err := results(t, "map(. + 1) | length", handlertest.Record(value))
	if err != nil || len(got) != 1 || got[0] != "400000" {
		t.Errorf("got %v, %v, want 400000", got, err)
	}
}

// What ctx says is passed on, so that a partition that is taken away is no
// reject.
func TestRunEndsWithItsContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	n := 0
	var last error
	for _, err := range compile(t, "repeat(1)").Results(ctx, handlertest.Record("1")) {
		if n++; n == 3 {
			cancel()
		}
		last = err
	}
	if !errors.Is(last, context.Canceled) || flow.Classify(last) != flow.Ignore || n > 1000 {
		t.Errorf("got %v after %d results, want %v soon", last, n, context.Canceled)
	}
}

func TestDeadlineOfTheContextEndsARun(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		time.Sleep(2 * time.Second)
		_, _, err := compile(t, "last(repeat(1))").One(ctx, handlertest.Record("1"))
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("got %v, want %v", err, context.DeadlineExceeded)
		}
	})
}

func TestVariablesAreThoseOfTheRecord(t *testing.T) {
	t.Parallel()
	rec := handlertest.Record("1", handlertest.Key("k"), handlertest.At("orders", 3, 1<<40), handlertest.Header("a", "1"), handlertest.Header("a", "2"))
	rec.Headers = append(rec.Headers, handlers.Header{Key: "none"})
	for expression, want := range map[string]string{
		"$key": `"k"`, "$topic": `"orders"`, "$partition": "3", "$offset": "1099511627776", "$timestamp": `"2026-01-01T00:00:00Z"`,
		"$headers": `{"a":"2","none":null}`, "[$offset, .]": "[1099511627776,1]", `"\($topic)-\($partition)"`: `"orders-3"`, "$ENV": "{}", "env": "{}",
	} {
		got, err := results(t, expression, rec)
		if err != nil || len(got) != 1 || got[0] != want {
			t.Errorf("%s: got %v, %v, want %s", expression, got, err, want)
		}
	}
	rec.Key = nil
	if v, ok, err := compile(t, "$key").One(t.Context(), rec); v != nil || !ok || err != nil {
		t.Errorf("no key: got %v, %t, %v, want null", v, ok, err)
	}
}

func TestExpressionOfVariablesDoesNotReadTheValue(t *testing.T) {
	t.Parallel()
	rec := handlertest.Record("\x00\x01 not JSON", handlertest.Key("k"), handlertest.Header("type", "order"))
	for _, expression := range []string{
		"$key", `$headers.type == "order"`, `$headers["type"]`, `$headers | .type | ascii_upcase`, `"\($topic)/\($key)"`, `($partition + 1) * 2`,
		`$key, $topic`, `$headers.none // "x"`, "true", "1", `"x"`, `$topic[0:2]`, `$headers[]`, `$topic | startswith("t")`,
	} {
		if _, err := results(t, expression, rec); err != nil {
			t.Errorf("%s: got %v, want a result", expression, err)
		}
	}
	for _, expression := range []string{
		".", "..", ".a", "$key, .", "$headers[.a]", `"\(.a)"`, `$headers["\(.a)"]`, `$key as $k | .`, ".a as $k | $key", "[$key, .]", "{a: .}", "-(.a)",
		"if $key then . else . end", "reduce $key as $k (.; .)", "not", "@json", `@json "\(.)"`, "def f: .; $key", "$key // .", "$key = .",
		"try . catch .", "$topic[.a:2]", "label $out | .", "{$key}", "$headers.type as $t | .a", "(.)", "foreach 1 as $k (.; .)", ".a |= $key",
		"($key, .) | 1", `$topic[:("\(.)")]`, "limit(1; .)",
	} {
		_, err := results(t, expression, rec)
		if err == nil {
			t.Errorf("%s: got a result, want a reject of the value", expression)
		}
	}
}

func TestFirstLooksNoFurther(t *testing.T) {
	t.Parallel()
	v, ok, err := compile(t, "1, error(2)").First(t.Context(), handlertest.Record("0"))
	if v != 1 || !ok || err != nil {
		t.Errorf("got %v, %t, %v, want 1", v, ok, err)
	}
	v, ok, err = compile(t, "empty").First(t.Context(), handlertest.Record("0"))
	if v != nil || ok || err != nil {
		t.Errorf("got %v, %t, %v, want nothing", v, ok, err)
	}
}

func TestOneRefusesSeveral(t *testing.T) {
	t.Parallel()
	_, ok, err := compile(t, "1, 2").One(t.Context(), handlertest.Record("0"))
	if ok || flow.Classify(err) != flow.Reject || !strings.Contains(err.Error(), "several results") {
		t.Errorf("got %t, %v, want a reject", ok, err)
	}
	if _, ok, err := compile(t, "empty").One(t.Context(), handlertest.Record("0")); ok || err != nil {
		t.Errorf("got %t, %v, want nothing", ok, err)
	}
}

func TestExpressionThatIsWrongIsRefusedWithItsPlace(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		"":                   "expression is empty",
		" \n":                "expression is empty",
		".a ==":              "at character",
		".a = = 1":           `near "= 1"`,
		"$header.a":          "the variables are $key, $topic, $partition, $offset, $timestamp, $headers",
		"input":              "not allowed",
		"nope(.)":            "function not defined: nope/1",
		`import "x" as y; 1`: "module",
	} {
		_, err := jq.Compile(expression)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", expression, err, want)
		}
	}
}

func TestOneExpressionServesManyGoroutines(t *testing.T) {
	t.Parallel()
	e := compile(t, `.n as $n | [.in[] | select(test("^a[0-9]+$"))] | length + $n`)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 200 {
				v, _, err := e.One(t.Context(), handlertest.Record(fmt.Sprintf(`{"n":%d,"in":["a1","b","a22"]}`, i)))
				if v != i+2 || err != nil {
					t.Errorf("got %v, %v, want %d", v, err, i+2)
				}
			}
		})
	}
	wg.Wait()
}
