package jq

import (
	"math/big"
	"strings"
	"time"

	"github.com/weir-kafka/weir/handlers"
)

// variable is what an expression may use of a record beside its value.
type variable struct {
	name string
	of   func(rec *handlers.Record) any
}

func variables() []variable {
	return []variable{
		{"$key", func(rec *handlers.Record) any { return text(rec.Key) }},
		{"$topic", func(rec *handlers.Record) any { return rec.Topic }},
		{"$partition", func(rec *handlers.Record) any { return int(rec.Partition) }},
		{"$offset", func(rec *handlers.Record) any { return integer(rec.Offset) }},
		{"$timestamp", func(rec *handlers.Record) any { return rec.Timestamp.UTC().Format(time.RFC3339Nano) }},
		{"$headers", func(rec *handlers.Record) any {
			hs := make(map[string]any, len(rec.Headers))
			for _, h := range rec.Headers { // of a name that repeats the last one counts
				hs[h.Key] = text(h.Value)
			}
			return hs
		}},
	}
}

// used returns the variables that stand in the text. A name that stands in a
// comment or in another name is counted too, which costs time and nothing else.
func used(expression string) []variable {
	var vs []variable
	for _, v := range variables() {
		if strings.Contains(expression, v.name) {
			vs = append(vs, v)
		}
	}
	return vs
}

func variableNames() string {
	var names []string
	for _, v := range variables() {
		names = append(names, v.name)
	}
	return strings.Join(names, ", ")
}

func text(b []byte) any {
	if b == nil {
		return nil
	}
	return string(b)
}

// integer keeps an offset exact where an int has 32 bits.
func integer(i int64) any {
	if n := int(i); int64(n) == i {
		return n
	}
	return big.NewInt(i)
}
