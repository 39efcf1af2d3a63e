package handlers_test

import (
	"testing"

	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/handlers/filter"
	"github.com/weir-kafka/weir/handlers/handlertest"
	"github.com/weir-kafka/weir/handlers/header"
	"github.com/weir-kafka/weir/handlers/key"
	"github.com/weir-kafka/weir/handlers/mapping"
	"github.com/weir-kafka/weir/handlers/split"
	"github.com/weir-kafka/weir/sink"
)

const order = `{"id":9007199254740993,"customer":{"name":"Ada Lovelace","country":"GB"},"amount":129.90,` +
	`"currency":"GBP","items":[{"sku":"A-1","n":2},{"sku":"B-7","n":1}],"paid":true,"note":null}`

// What one record costs in each of the built-in handlers.
func BenchmarkHandler(b *testing.B) {
	for _, c := range []struct {
		name string
		mw   func() (handlers.Middleware, error)
	}{
		{"filter", func() (handlers.Middleware, error) { return filter.New(filter.Config{Expression: ".amount > 0"}) }},
		{"filter-headers", func() (handlers.Middleware, error) {
			return filter.New(filter.Config{Expression: `$headers.type == "order"`})
		}},
		{"map", func() (handlers.Middleware, error) {
			return mapping.New(mapping.Config{Expression: "{id: .id, amount: .amount}"})
		}},
		{"map-identity", func() (handlers.Middleware, error) { return mapping.New(mapping.Config{Expression: "."}) }},
		{"header-set", func() (handlers.Middleware, error) {
			return header.New(header.Config{Set: map[string]string{"a": "b"}})
		}},
		{"key", func() (handlers.Middleware, error) { return key.New(key.Config{Expression: ".id"}) }},
		{"split", func() (handlers.Middleware, error) { return split.New(split.Config{Expression: ".items[]"}) }},
	} {
		b.Run(c.name, func(b *testing.B) {
			mw, err := c.mw()
			if err != nil {
				b.Fatal(err)
			}
			h := handlers.Chain(handlers.Pass, mw)
			rec := handlertest.Record(order, handlertest.Key("k"), handlertest.Header("type", "order"), handlertest.Header("trace", "0123456789abcdef"))
			emit := func(sink.Message) {}
			b.ReportAllocs()
			b.SetBytes(int64(len(order)))
			for b.Loop() {
				if err := h.Handle(b.Context(), rec, emit); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
