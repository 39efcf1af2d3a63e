package config

import (
	"fmt"
	"maps"
	"reflect"
	"slices"

	"go.yaml.in/yaml/v3"

	"github.com/weir-kafka/weir/consumer"
)

// parts decodes what the file says of handlers and sinks, now that the kinds are
// known.
func (d *decoder) parts(f *File, root *yaml.Node, parts Parts) {
	for i, n := range f.doc.Handlers {
		d.handler(f, n.Node, fmt.Sprintf("handlers[%d]", i), parts)
	}
	if f.doc.Sink.Node != nil {
		f.sink = d.sink(f.doc.Sink.Node, "sink", "default", parts)
	} else {
		d.fail(root, "sink", "is missing", "name one, such as {stdout: {}}; known kinds are "+list(parts.sinkNames()))
	}
	f.sinks = map[string]*sinkUse{}
	for _, name := range slices.Sorted(maps.Keys(f.doc.Sinks)) {
		n := f.doc.Sinks[name].Node
		if name == "" || name == "default" || name == "dead_letter" {
			d.fail(n, join("sinks", name), "is a name that Weir uses itself", "choose another")
		}
		if u := d.sink(n, join("sinks", name), name, parts); u != nil {
			f.sinks[name] = u
		}
	}
	if n := f.doc.Failure.DeadLetter.Node; n != nil {
		f.deadLetter = d.sink(n, "failure.dead_letter", "dead_letter", parts)
	}
}

// handler reads {kind: {config}}, or just the kind where it needs no config.
func (d *decoder) handler(f *File, n *yaml.Node, path string, parts Parts) {
	n = target(n)
	kind, body := "", (*yaml.Node)(nil)
	switch {
	case n.Kind == yaml.ScalarNode && n.Tag != "!!null":
		kind = n.Value
	case n.Kind == yaml.MappingNode && len(n.Content) == 2:
		kind, body = n.Content[0].Value, n.Content[1]
	default:
		d.fail(n, path, "must be one kind of handler with its settings", "write - filter: {expression: '.amount > 0'}; known kinds are "+list(parts.handlerNames()))
		return
	}
	part, ok := parts.Handlers[kind]
	if !ok {
		d.fail(n, path, fmt.Sprintf("%q is not a kind of handler", kind), hint(kind, parts.handlerNames()))
		return
	}
	v := fresh(part.defaults)
	if body != nil && body.Tag != "!!null" {
		d.decode(body, v, join(path, kind))
	}
	f.handlers = append(f.handlers, handlerUse{kind, v.Interface(), part, d.at(n, join(path, kind))})
}

// sink reads one kind with its config, and limit and timeout beside it.
func (d *decoder) sink(n *yaml.Node, path, name string, parts Parts) *sinkUse {
	n = target(n)
	if n.Kind != yaml.MappingNode {
		d.fail(n, path, "is "+nodeName(n)+", not a kind of sink with its settings", "write {stdout: {}}; known kinds are "+list(parts.sinkNames()))
		return nil
	}
	u := &sinkUse{name: name, way: consumer.DefaultSinkConfig(), at: d.at(n, path)}
	u.way.Limit = consumer.LimitConfig{}
	way := fieldsOf(reflect.ValueOf(&u.way).Elem())
	before := len(d.problems)
	d.pairs(n, path, func(key string, k, val *yaml.Node) {
		if f, ok := way[key]; ok {
			d.decode(val, f, join(path, key))
			return
		}
		part, ok := parts.Sinks[key]
		switch {
		case !ok:
			d.fail(k, join(path, key), "is not a kind of sink", hint(key, append(parts.sinkNames(), slices.Collect(maps.Keys(way))...)))
			return
		case u.kind != "":
			d.fail(k, join(path, key), fmt.Sprintf("is a second kind; %s stands there already", u.kind), "keep one, or name several under sinks")
			return
		}
		u.kind, u.part = key, part
		v := fresh(part.defaults)
		if val.Tag != "!!null" {
			d.decode(val, v, join(path, key))
		}
		u.cfg = v.Interface()
	})
	if u.kind == "" {
		if len(d.problems) == before {
			d.fail(n, path, "names no kind of sink", "known are "+list(parts.sinkNames()))
		}
		return nil
	}
	d.checkWay(n, path, u)
	return u
}

// checkWay checks limit and timeout.
func (d *decoder) checkWay(n *yaml.Node, path string, u *sinkUse) {
	l := u.way.Limit
	at := child(n, "limit")
	switch {
	case at == nil:
	case child(at, "max") != nil && child(at, "fixed") != nil:
		d.fail(at, join(path, "limit"), "has both max and fixed", "max bounds the adaptive limiter, fixed replaces it; keep one")
	case l.Shadow && child(at, "fixed") == nil:
		d.fail(at, join(path, "limit"), "has shadow without fixed", "shadow watches a fixed limit; write {fixed: 16, shadow: true}")
	case d.failedAt(join(path, "limit")):
	case child(at, "max") != nil && l.Max < 1, child(at, "fixed") != nil && l.Fixed < 1:
		d.fail(at, join(path, "limit"), "is less than 1", "allow at least one write")
	}
	if l.Max == 0 && l.Fixed == 0 {
		u.way.Limit = consumer.DefaultSinkConfig().Limit
	}
}
