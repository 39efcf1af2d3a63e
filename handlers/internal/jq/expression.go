// Package jq runs jq expressions on records.
//
// An expression is configuration, a value is written by whoever may produce to
// the topic. So a run is bounded in steps and in the length of numbers, and an
// error does not carry the value along. What one step may allocate is not
// bounded: ("x" * .n) makes what the value asks for, up to 2 GiB.
package jq

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"strings"

	"github.com/itchyny/gojq"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/handlers"
)

// Expression is a compiled jq expression. It is safe for concurrent use.
type Expression struct {
	code  *gojq.Code
	text  string
	vars  []variable // those that it uses
	reads bool       // whether it looks at the value
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
	e := &Expression{text: text, vars: used(text), reads: readsInput(q)}
	names := make([]string, len(e.vars))
	for i, v := range e.vars {
		names[i] = v.name
	}
	e.code, err = gojq.Compile(q, gojq.WithVariables(names), gojq.WithEnvironLoader(func() []string { return nil }))
	if err != nil {
		return nil, fmt.Errorf("expression %q: %w; the variables are %s", text, err, variableNames())
	}
	return e, nil
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

// Results runs the expression on the record's value, which is null for a
// tombstone. An error comes last. It is ctx's own if ctx ended, and otherwise a
// reject: the same record fails the same way again. An expression that uses
// only variables does not look at the value, which may then be no JSON at all.
func (e *Expression) Results(ctx context.Context, rec *handlers.Record) iter.Seq2[any, error] {
	return func(yield func(any, error) bool) {
		var in any
		if e.reads {
			var err error
			if in, err = decode(rec.Value); err != nil {
				yield(nil, flow.Permanent(err))
				return
			}
		}
		vars := make([]any, len(e.vars))
		for i, v := range e.vars {
			vars[i] = v.of(rec)
		}
		m := newMeter(ctx, len(rec.Value))
		for results := e.code.RunWithContext(m, in, vars...); ; {
			v, ok := results.Next()
			if !ok {
				return
			}
			if err, failed := v.(error); failed {
				yield(nil, e.fail(ctx, err))
				return
			}
			if !yield(v, nil) {
				return
			}
		}
	}
}

// maxErrorText bounds what an expression such as error(.) puts into logs.
const maxErrorText = 1 << 10

// fail judges an error of a run. Only its text is kept: gojq's errors hold the
// value that they are about, and an error lives until its dead letter is written.
func (e *Expression) fail(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	text := err.Error()
	if len(text) > maxErrorText {
		text = strings.ToValidUTF8(text[:maxErrorText], "") + "..."
	}
	return flow.Permanent(fmt.Errorf("expression %q: %s", e.text, text))
}

// First returns the first result and does not look for others; ok is false
// without one.
func (e *Expression) First(ctx context.Context, rec *handlers.Record) (v any, ok bool, err error) {
	for v, err := range e.Results(ctx, rec) {
		return v, err == nil, err
	}
	return nil, false, nil
}

// One returns the only result; ok is false without one, and several are an error.
func (e *Expression) One(ctx context.Context, rec *handlers.Record) (v any, ok bool, err error) {
	for r, err := range e.Results(ctx, rec) {
		switch {
		case err != nil:
			return nil, false, err
		case ok:
			return nil, false, flow.Permanent(fmt.Errorf("expression %q gives several results where one is wanted", e.text))
		}
		v, ok = r, true
	}
	return v, ok, nil
}

// NoResult returns the reject of a record for which the expression gave nothing
// where one result is wanted.
func (e *Expression) NoResult() error {
	return flow.Permanent(fmt.Errorf("expression %q gives no result where one is wanted; filter drops records", e.text))
}
