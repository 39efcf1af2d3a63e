package jq

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/itchyny/gojq"

	"github.com/weir-kafka/weir/flow"
)

// Truthy is jq's truth: everything but null and false.
func Truthy(v any) bool { return v != nil && v != false }

// Value returns v as the value of a message: null is no value, a tombstone, as a
// tombstone is null to an expression; everything else is JSON. Object keys are
// sorted, and numbers that were not computed are as they came, digit by digit.
func Value(v any) ([]byte, error) {
	if v == nil {
		return nil, nil
	}
	b, err := gojq.Marshal(v)
	if err != nil {
		return nil, flow.Permanent(err)
	}
	return b, nil
}

// Text returns v as a key or header has it: a string as it is, null as nothing,
// everything else as JSON.
func Text(v any) ([]byte, error) {
	if s, ok := v.(string); ok {
		return []byte(s), nil
	}
	return Value(v)
}

// decode reads a value as gojq has it. A nil one, a tombstone, is null. What it
// returns refers to one copy of b.
//
// It exists because json.Decoder, which alone keeps numbers exact, was more than
// half of what a filter cost.
func decode(b []byte) (any, error) {
	if b == nil {
		return nil, nil //nolint:nilnil // null is a value in jq
	}
	if !json.Valid(b) { // which bounds the depth too
		return nil, fmt.Errorf("the value is not JSON: %w", json.Unmarshal(b, new(any)))
	}
	r := reader{s: string(b)}
	v, err := r.value()
	if err != nil {
		return nil, fmt.Errorf("the value: %w", err)
	}
	return v, nil
}

// reader reads JSON that is known to be valid.
type reader struct {
	s string
	i int
}

// next returns the next byte that is not space.
func (r *reader) next() byte {
	for {
		switch c := r.s[r.i]; c {
		case ' ', '\t', '\r', '\n':
			r.i++
		default:
			return c
		}
	}
}

func (r *reader) value() (any, error) {
	switch r.next() {
	case '{':
		return r.object()
	case '[':
		return r.array()
	case '"':
		return r.text()
	case 't':
		r.i += len("true")
		return true, nil
	case 'f':
		r.i += len("false")
		return false, nil
	case 'n':
		r.i += len("null")
		return nil, nil //nolint:nilnil // null is a value in jq
	}
	return r.number()
}

func (r *reader) object() (any, error) {
	m := make(map[string]any)
	for r.i++; r.next() != '}'; {
		if r.s[r.i] == ',' {
			r.i++
			r.next()
		}
		k, err := r.text()
		if err != nil {
			return nil, err
		}
		r.next()
		r.i++ // the colon
		if m[k], err = r.value(); err != nil {
			return nil, err
		}
	}
	r.i++
	return m, nil
}

func (r *reader) array() (any, error) {
	vs := []any{}
	for r.i++; r.next() != ']'; {
		if r.s[r.i] == ',' {
			r.i++
		}
		v, err := r.value()
		if err != nil {
			return nil, err
		}
		vs = append(vs, v)
	}
	r.i++
	return vs, nil
}

// text reads a string; most have nothing to unquote.
func (r *reader) text() (string, error) {
	start, escaped := r.i, false
	for r.i++; r.s[r.i] != '"'; r.i++ {
		if r.s[r.i] == '\\' {
			escaped = true
			r.i++
		}
	}
	r.i++
	if !escaped {
		return r.s[start+1 : r.i-1], nil
	}
	var s string
	err := json.Unmarshal([]byte(r.s[start:r.i]), &s)
	return s, err
}

// maxNumber bounds the digits of a number: to compute with n digits takes gojq a
// time of n squared, a second for a million.
const maxNumber = 4096

// number reads a number. One that is not a small integer stays what it was as
// text: gojq converts it when it computes with it, and not before.
func (r *reader) number() (any, error) {
	start := r.i
	for r.i < len(r.s) && strings.IndexByte("+-.0123456789eE", r.s[r.i]) >= 0 {
		r.i++
	}
	s := r.s[start:r.i]
	if len(s) > maxNumber {
		return nil, fmt.Errorf("a number of %d characters at byte %d; %d are allowed", len(s), start, maxNumber)
	}
	if i, err := strconv.Atoi(s); err == nil && s != "-0" {
		return i, nil
	}
	return json.Number(s), nil
}
