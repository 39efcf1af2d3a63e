package tenant_test

import (
	"testing"

	"github.com/weir-kafka/weir/handlers/handlertest"
	"github.com/weir-kafka/weir/handlers/tenant"
)

func TestTenantIsTheFirstResultAsText(t *testing.T) {
	t.Parallel()
	const value = `{"org": "acme", "id": 7, "big": 9007199254740993, "yes": true, "list": [1]}`
	for expression, want := range map[string]string{
		".org": "acme", ".id": "7", ".big": "9007199254740993", ".yes": "true", ".list": "", ".": "", ".none": "", "empty": "", "error": "",
		`.org, "other"`: "acme", "$key": "k", `.org + "/" + $topic`: "acme/topic",
	} {
		of, err := tenant.New(expression)
		if err != nil {
			t.Fatal(err)
		}
		if got := of(handlertest.Record(value, handlertest.Key("k"))); got != want {
			t.Errorf("%s: got %q, want %q", expression, got, want)
		}
		if got := of(handlertest.Record("no JSON", handlertest.Key("k"))); got != "" && expression != "$key" && expression != "empty" {
			t.Errorf("%s of no JSON: got %q, want none", expression, got)
		}
	}
}

func TestWrongExpressionsAreRefused(t *testing.T) {
	t.Parallel()
	for _, expression := range []string{"", ".org |", "$nobody"} {
		if _, err := tenant.New(expression); err == nil {
			t.Errorf("%q: got no error", expression)
		}
	}
}
