// Package jq runs jq expressions on records.
package jq

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"math/big"
	"strings"
	"time"

	"github.com/itchyny/gojq"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/handlers"
)

// Expression is a compiled jq expression. It is safe for concurrent use.
type Expression struct {
	code *gojq.Code
	text string
}

// names of the variables that an expression may use beside its input.
func names() []string {
	return []string{"$key", "$topic", "$partition", "$offset", "$timestamp", "$headers"}
}

// Compile compiles text. It has no access to the environment, to modules or to
// other inputs: an expression is configuration, not a program with rights.
func Compile(text string) (*Expression, error) {
	if strings.TrimSpace(text) == "" {
		return nil, errors.New("expression is empty; write a jq expression such as '.amount > 0'")
	}
	q, err := gojq.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("expression %q: %w%s", text, err, place(text, err))
	}
	code, err := gojq.Compile(q, gojq.WithVariables(names()), gojq.WithEnvironLoader(func() []string { return nil }))
	if err != nil {
		return nil, fmt.Errorf("expression %q: %w; the variables are %s", text, err, strings.Join(names(), ", "))
	}
	return &Expression{code, text}, nil
}

// place says where a parse error stands.
func place(text string, err error) string {
	var pe *gojq.ParseError
	if !errors.As(err, &pe) {
		return ""
	}
	at := min(max(pe.Offset-len(pe.Token), 0), len(text))
	return fmt.Sprintf(" at character %d, near %q", at+1, text[at:min(at+12, len(text))])
}

// Each runs the expression on the record's value and gives every result to f,
// at most limit. Every error is a reject: the same record fails the same way
// again.
func (e *Expression) Each(ctx context.Context, rec *handlers.Record, limit int, f func(v any) error) error {
	in, err := decode(rec.Value)
	if err != nil {
		return flow.Permanent(err)
	}
	iter := e.code.RunWithContext(ctx, in, variables(rec)...)
	for n := 0; ; n++ {
		v, ok := iter.Next()
		if !ok {
			return nil
		}
		if err, isErr := v.(error); isErr {
			return e.fail(ctx, err)
		}
		if n == limit {
			return flow.Permanent(fmt.Errorf("expression %q gives more than %d results", e.text, limit))
		}
		if err := f(v); err != nil {
			return err
		}
	}
}

func (e *Expression) fail(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var halt *gojq.HaltError
	if errors.As(err, &halt) {
		return flow.Permanent(fmt.Errorf("expression %q halted", e.text))
	}
	return flow.Permanent(fmt.Errorf("expression %q: %w", e.text, err))
}

// One returns the first result; ok is false without one, and an error says that
// there are several.
func (e *Expression) One(ctx context.Context, rec *handlers.Record) (v any, ok bool, err error) {
	err = e.Each(ctx, rec, 1, func(r any) error {
		v, ok = r, true
		return nil
	})
	return v, ok, err
}

// First returns the first result and does not look for others.
func (e *Expression) First(ctx context.Context, rec *handlers.Record) (v any, ok bool, err error) {
	err = e.Each(ctx, rec, math.MaxInt, func(r any) error {
		v, ok = r, true
		return errStop
	})
	if errors.Is(err, errStop) {
		err = nil
	}
	return v, ok, err
}

var errStop = errors.New("enough")

// Truthy is jq's truth: everything but null and false.
func Truthy(v any) bool { return v != nil && v != false }

// Encode returns v as JSON, as gojq writes it: object keys sorted, numbers exact.
func Encode(v any) ([]byte, error) {
	b, err := gojq.Marshal(v)
	if err != nil {
		return nil, flow.Permanent(err)
	}
	return b, nil
}

// decode reads a value; a nil one, a tombstone, is null.
func decode(b []byte) (any, error) {
	if b == nil {
		return nil, nil //nolint:nilnil // null is a value in jq
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, fmt.Errorf("the value is not JSON: %w (at byte %d)", err, d.InputOffset())
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("the value is not JSON: something follows it at byte %d", d.InputOffset())
	}
	return numbers(v), nil
}

// numbers makes numbers what gojq computes with, and keeps integers exact.
func numbers(v any) any {
	switch v := v.(type) {
	case json.Number:
		return number(v)
	case []any:
		for i := range v {
			v[i] = numbers(v[i])
		}
	case map[string]any:
		for k := range v {
			v[k] = numbers(v[k])
		}
	}
	return v
}

func number(n json.Number) any {
	if i, err := n.Int64(); err == nil && i >= math.MinInt && i <= math.MaxInt {
		return int(i)
	}
	if s := n.String(); len(s) < 1024 && !strings.ContainsAny(s, ".eE") {
		if b, ok := new(big.Int).SetString(s, 10); ok {
			return b
		}
	}
	f, err := n.Float64()
	if err != nil { // too large for a float: infinity, as jq has it
		return math.Copysign(math.MaxFloat64, f)
	}
	return f
}

func variables(rec *handlers.Record) []any {
	hs := make(map[string]any, len(rec.Headers))
	for _, h := range rec.Headers {
		hs[h.Key] = string(h.Value)
	}
	var key any
	if rec.Key != nil {
		key = string(rec.Key)
	}
	return []any{key, rec.Topic, int(rec.Partition), int(rec.Offset), rec.Timestamp.UTC().Format(time.RFC3339Nano), hs}
}

// Text returns v as a key or header has it: a string as it is, null as nothing,
// everything else as JSON.
func Text(v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil
	case string:
		return []byte(v), nil
	}
	return Encode(v)
}
