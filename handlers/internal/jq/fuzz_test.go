package jq_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/handlers/handlertest"
	"github.com/weir-kafka/weir/handlers/internal/jq"
)

// A value is written by whoever may produce: whatever it is, an expression gives
// JSON or a reject.
func FuzzValue(f *testing.F) {
	for _, v := range []string{
		"", "null", "1", "-0", "1e999", `"x"`, `"\ud800"`, "[]", "{}", `{"a":{"b":[1,2.50,"x",null,true]},"n":-3,"t":"2026-01-01T00:00:00Z"}`,
		`{"a":[[[[]]]],"a":1}`, "\xff", "[1,", `{"s":"99999999999999999999"}`,
	} {
		f.Add([]byte(v))
	}
	var expressions []*jq.Expression
	for _, text := range []string{
		".", ".a", ".a.b[0]", "..", ".[]?", "keys", "length", "tojson", "tostring", "add", "sort", "unique", "flatten", "group_by(.)", "to_entries", "map(. + 1)",
		"map_values(. * 2)", "paths", "@csv", "@base64", "@base64d", "@uri", "@html", "ascii_downcase", "explode | implode", "fromjson", "tonumber", "utf8bytelength",
		"fromdate", "todate", "strptime(\"%Y-%m-%d\")", "strftime(\"%Y\")", "mktime", "gmtime", "test(\"a+\")", "splits(\",\")", "ltrimstr(\"a\")", "floor", "pow(.; 2)",
		"significand", "min, max", "indices(1)", "inside([1])", "contains({})", "has(0)", "del(.a)", "to_entries | from_entries", "walk(.)", "transpose", "env", "getpath([\"a\",\"b\"])",
		"limit(3; .[])", "first, last", "any, all", "tojson | fromjson", "combinations", "error", "splits(.)", "@sh", "trim", "abs", "pick(.a)",
	} {
		expressions = append(expressions, compile(f, text))
	}
	f.Fuzz(func(t *testing.T, value []byte) {
		rec := handlertest.Record(string(value))
		for _, e := range expressions {
			n := 0
			for v, err := range e.Results(t.Context(), rec) {
				if err != nil {
					if flow.Classify(err) != flow.Reject {
						t.Fatalf("got %v, want a reject", err)
					}
					break
				}
				if b, err := jq.Value(v); err != nil || b != nil && !json.Valid(b) {
					t.Fatalf("got %q, %v, want JSON", b, err)
				}
				if n++; n == 1000 {
					break
				}
			}
		}
	})
}

// What is read is what encoding/json reads.
func FuzzReadsAsEncodingJSON(f *testing.F) {
	for _, v := range []string{"", "1 1", ` {"a" : [1, -2.5e3 ,"\u00e9\\"] ,"b":{} } `, `[[],[[]],{}]`, `"\ud83d\ude00"`, "123456789012345678901234567890", "-0", "tru", `{"a":1,"a":2}`} {
		f.Add([]byte(v))
	}
	identity := compile(f, ".")
	f.Fuzz(func(t *testing.T, value []byte) {
		if !utf8.Valid(value) || len(value) > 4096 {
			return
		}
		v, ok, err := identity.One(t.Context(), handlertest.Record(string(value)))
		want, wantErr := exact(value)
		if (err != nil) != (wantErr != nil) {
			t.Fatalf("got %v, want %v", err, wantErr)
		}
		if err != nil {
			return
		}
		if !ok {
			t.Fatal("got no result")
		}
		b, err := jq.Value(v)
		if err != nil {
			t.Fatal(err)
		}
		if b == nil {
			b = []byte("null")
		}
		got, err := exact(b)
		if err != nil {
			t.Fatalf("got %q: %v", b, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

// exact decodes one JSON value and keeps its numbers as text.
func exact(b []byte) (v any, err error) {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something follows")
	}
	return v, nil
}
