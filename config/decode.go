package config

import (
	"encoding"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/weir-kafka/weir/sink"
)

// node is a part of the file that is decoded once its kind is known.
type node struct{ *yaml.Node }

// place is where a value stands.
type place struct {
	file string
	path string
	line int
	col  int
}

func (p place) problem(text, mend string) Problem {
	return Problem{File: p.file, Line: p.line, Column: p.col, Path: p.path, Text: text, Mend: mend}
}

// decoder reads nodes into values and gathers problems instead of stopping at
// the first.
type decoder struct {
	file     string
	problems Problems
	secrets  map[*yaml.Node]bool   // scalars that hold what was substituted
	sources  map[*yaml.Node]string // scalars that did not come from the file
	asked    map[string]bool       // variables that the file names
	mask     mask
	open     []place // secrets that stand in the file itself
	depth    int
}

func (d *decoder) at(n *yaml.Node, path string) place {
	if from, ok := d.sources[n]; ok {
		return place{file: from, path: path}
	}
	return place{d.file, path, n.Line, n.Column}
}

func (d *decoder) fail(n *yaml.Node, path, text, mend string) {
	d.problems = append(d.problems, d.at(n, path).problem(text, mend))
}

const maxDepth = 32

// decode reads n into v.
func (d *decoder) decode(n *yaml.Node, v reflect.Value, path string) {
	if d.depth++; d.depth > maxDepth {
		d.fail(n, path, "is nested too deeply", "")
		d.depth--
		return
	}
	defer func() { d.depth-- }()
	n = target(n)
	switch dst := v.Addr().Interface().(type) {
	case *node:
		dst.Node = n
		return
	case *time.Duration:
		d.duration(n, dst, path)
		return
	case *sink.Secret:
		if s, ok := d.scalar(n, path, "text"); ok {
			*dst = sink.Secret(s)
			if _, elsewhere := d.sources[n]; !elsewhere && !d.secrets[n] && s != "" {
				d.open = append(d.open, d.at(n, path))
			}
			d.mask.add(s)
		}
		return
	case encoding.TextUnmarshaler:
		if s, ok := d.scalar(n, path, "text"); ok {
			if err := dst.UnmarshalText([]byte(s)); err != nil {
				d.fail(n, path, d.hide(n, err.Error()), "")
			}
		}
		return
	}
	d.kind(n, v, path)
}

func (d *decoder) kind(n *yaml.Node, v reflect.Value, path string) {
	switch v.Kind() {
	case reflect.Struct:
		d.structure(n, v, path)
	case reflect.Pointer:
		p := reflect.New(v.Type().Elem())
		d.decode(n, p.Elem(), path)
		v.Set(p)
	case reflect.Slice:
		d.list(n, v, path)
	case reflect.Map:
		d.mapping(n, v, path)
	case reflect.String:
		if s, ok := d.scalar(n, path, "text"); ok {
			v.SetString(s)
		}
	case reflect.Bool:
		if s, ok := d.scalar(n, path, "true or false"); ok {
			b, err := strconv.ParseBool(s)
			if err != nil || s != "true" && s != "false" {
				d.fail(n, path, d.quote(n, s)+" is not true or false", "")
			}
			v.SetBool(b)
		}
	case reflect.Int, reflect.Int32, reflect.Int64:
		if s, ok := d.scalar(n, path, "a whole number"); ok {
			i, err := strconv.ParseInt(s, 10, 32)
			if err != nil {
				d.fail(n, path, d.quote(n, s)+" is not a whole number", "")
			}
			v.SetInt(i)
		}
	case reflect.Float64:
		if s, ok := d.scalar(n, path, "a number"); ok {
			f, err := strconv.ParseFloat(s, 64)
			if err != nil {
				d.fail(n, path, d.quote(n, s)+" is not a number", "")
			}
			v.SetFloat(f)
		}
	default:
		d.fail(n, path, "can not be set in a file", "")
	}
}

// scalar returns the text of n, which must be one value.
func (d *decoder) scalar(n *yaml.Node, path, want string) (string, bool) {
	if n.Kind != yaml.ScalarNode {
		d.fail(n, path, "is "+nodeName(n)+", not "+want, "")
		return "", false
	}
	if n.Tag == "!!null" {
		d.fail(n, path, "is empty", "give "+want+" or leave the key out")
		return "", false
	}
	return n.Value, true
}

func nodeName(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	case yaml.ScalarNode, yaml.DocumentNode, yaml.AliasNode:
	}
	if n.Tag == "!!null" {
		return "empty"
	}
	return "a single value"
}

// quote shows a value, unless it may be a secret.
func (d *decoder) quote(n *yaml.Node, s string) string {
	if d.secrets[n] {
		return "the value"
	}
	return strconv.Quote(s)
}

// hide takes a value that may be a secret out of a text.
func (d *decoder) hide(n *yaml.Node, text string) string {
	if d.secrets[n] {
		return "the value is not valid here"
	}
	return text
}

func (d *decoder) duration(n *yaml.Node, dst *time.Duration, path string) {
	s, ok := d.scalar(n, path, "a duration")
	if !ok {
		return
	}
	v, err := time.ParseDuration(s)
	switch {
	case err != nil:
		d.fail(n, path, d.quote(n, s)+" is not a duration", "write a number with its unit, as in 5s, 250ms or 1m30s")
	case v <= 0:
		d.fail(n, path, d.quote(n, s)+" is not more than zero", mendOfDuration(path))
	}
	*dst = v
}

func (d *decoder) list(n *yaml.Node, v reflect.Value, path string) {
	if n.Kind != yaml.SequenceNode {
		mend := "write it as a list, as in [a, b]"
		if n.Kind == yaml.ScalarNode && !d.secrets[n] && n.Value != "" && len(n.Value) < 64 {
			mend = "write [" + strings.TrimSpace(n.Value) + "]"
		}
		if v.Type() == reflect.TypeFor[[]node]() {
			mend = "write it as a list, as in [{filter: {expression: '.amount > 0'}}]"
		}
		d.fail(n, path, "is "+nodeName(n)+", not a list", mend)
		return
	}
	out := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
	for i, c := range n.Content {
		d.decode(c, out.Index(i), fmt.Sprintf("%s[%d]", path, i))
	}
	v.Set(out)
}

func (d *decoder) mapping(n *yaml.Node, v reflect.Value, path string) {
	out := reflect.MakeMap(v.Type())
	d.pairs(n, path, func(key string, _, val *yaml.Node) {
		e := reflect.New(v.Type().Elem()).Elem()
		d.decode(val, e, join(path, key))
		out.SetMapIndex(reflect.ValueOf(key), e)
	})
	v.Set(out)
}

// pairs calls f for each pair of a mapping; a key that stands twice is refused.
func (d *decoder) pairs(n *yaml.Node, path string, f func(key string, k, v *yaml.Node)) {
	if n.Kind != yaml.MappingNode {
		d.fail(n, path, "is "+nodeName(n)+", not a mapping", "")
		return
	}
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k, v := n.Content[i], n.Content[i+1]
		switch {
		case k.Kind != yaml.ScalarNode:
			d.fail(k, path, "has a key that is "+nodeName(target(k)), "keys are names")
			continue
		case k.Tag == "!!merge":
			d.fail(k, join(path, k.Value), "is not read", "write the keys out, or give an alias as the whole value")
			continue
		}
		if line, twice := seen[k.Value]; twice {
			d.fail(k, join(path, k.Value), fmt.Sprintf("stands twice, first in line %d", line), "keep one")
			continue
		}
		seen[k.Value] = k.Line
		f(k.Value, k, v)
	}
}

func (d *decoder) structure(n *yaml.Node, v reflect.Value, path string) {
	fields := fieldsOf(v)
	d.pairs(n, path, func(key string, k, val *yaml.Node) {
		f, ok := fields[key]
		if !ok {
			d.fail(k, join(path, key), "is not a known key", hint(key, slices.Collect(maps.Keys(fields))))
			return
		}
		d.decode(val, f, join(path, key))
	})
}

// fieldsOf returns the fields of a struct by their name in a file.
func fieldsOf(v reflect.Value) map[string]reflect.Value {
	fields := map[string]reflect.Value{}
	for i := range v.NumField() {
		if name := fieldName(v.Type().Field(i)); name != "" {
			fields[name] = v.Field(i)
		}
	}
	return fields
}

func fieldName(f reflect.StructField) string {
	name, _, _ := strings.Cut(f.Tag.Get("yaml"), ",")
	if name == "-" {
		return ""
	}
	return name
}

func join(path, key string) string {
	if path == "" {
		return key
	}
	return path + "." + key
}

// isText reports whether a type is written as one text, whatever it is made of.
func isText(t reflect.Type) bool {
	return reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}
