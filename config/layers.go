package config

import (
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/viper"
	"go.yaml.in/yaml/v3"

	"github.com/weir-kafka/weir/consumer"
)

// layers are the places that a value may come from beside the file: the
// environment over the file, overrides over both.
type layers struct {
	env       map[string]string
	overrides map[string]string
}

func environMap(environ []string) map[string]string {
	m := make(map[string]string, len(environ))
	for _, e := range environ {
		k, v, _ := strings.Cut(e, "=")
		m[k] = v
	}
	return m
}

const envPrefix = "WEIR_"

func envName(path string) string {
	return envPrefix + strings.ToUpper(strings.NewReplacer(".", "_", "-", "_", "[", "_", "]", "").Replace(path))
}

// apply decides by viper, for each key that is known, which layer has the word,
// and writes that into the tree of the file, which alone knows lines and the
// case of names.
func (l *layers) apply(d *decoder, root *yaml.Node, parts Parts) {
	v := viper.New()
	known := leaves(root, parts)
	byEnv := map[string]string{}
	file := map[string]any{}
	for path := range known {
		byEnv[envName(path)] = path
		if n := valueAt(root, strings.Split(path, ".")...); n != nil && n.Kind == yaml.ScalarNode {
			put(file, strings.Split(path, "."), n.Value)
		}
	}
	if err := v.MergeConfigMap(file); err != nil {
		d.fail(root, "", err.Error(), "")
		return
	}
	from := map[string]string{}
	for name, path := range byEnv {
		if val, ok := l.env[name]; ok {
			v.Set(path, val)
			from[path] = name
		}
	}
	for _, path := range slices.Sorted(maps.Keys(l.overrides)) {
		val := l.overrides[path]
		if _, ok := known[path]; !ok {
			d.problems = append(d.problems, Problem{File: "--set", Path: path, Text: "is not a known key", Mend: hint(path, slices.Collect(maps.Keys(known)))})
			continue
		}
		v.Set(path, val)
		from[path] = "--set"
	}
	for _, path := range slices.Sorted(maps.Keys(from)) {
		leaf := d.overlay(root, path, v.GetString(path), from[path], known[path])
		if _, set := l.overrides[path]; set { // what the environment holds is taken as it is
			d.substitute(leaf, l.env, path)
		}
	}
	l.unknown(d, byEnv)
}

// put sets a value in nested maps.
func put(m map[string]any, path []string, val any) {
	for _, key := range path[:len(path)-1] {
		next, ok := m[key].(map[string]any)
		if !ok {
			next = map[string]any{}
			m[key] = next
		}
		m = next
	}
	m[path[len(path)-1]] = val
}

// overlay writes a value of another layer into the tree. A list is written with
// commas; an empty text is an empty list.
func (d *decoder) overlay(root *yaml.Node, path, val, from string, list bool) *yaml.Node {
	keys := strings.Split(path, ".")
	n := root
	for _, key := range keys[:len(keys)-1] {
		next := child(n, key)
		switch {
		case next == nil:
			next = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
			setChild(n, key, next)
		case next.Kind == yaml.AliasNode: // the value is set here, not where the anchor stands
			next = copyOf(next.Alias)
			setChild(n, key, next)
		case next.Tag == "!!null": // a key without a value
			*next = yaml.Node{Kind: yaml.MappingNode, Tag: "!!map", Line: next.Line, Column: next.Column}
		}
		n = next
	}
	leaf := d.leaf(val, from)
	if list {
		leaf = &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for item := range strings.SplitSeq(val, ",") {
			if item = strings.TrimSpace(item); item != "" {
				leaf.Content = append(leaf.Content, d.leaf(item, from))
			}
		}
	}
	d.sources[leaf] = from
	setChild(n, keys[len(keys)-1], leaf)
	return leaf
}

// copyOf copies a mapping, not what it holds.
func copyOf(n *yaml.Node) *yaml.Node {
	c := *n
	c.Content, c.Anchor = slices.Clone(n.Content), ""
	return &c
}

func (d *decoder) leaf(val, from string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: val}
	d.sources[n] = from
	return n
}

func setChild(n *yaml.Node, key string, val *yaml.Node) {
	if at := slot(n, key); at != nil {
		*at = val
		return
	}
	n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}, val)
}

// unknown finds variables that look like a key and are none: those that differ
// from one by a slip, and those that begin with a section of the file. Others are
// left alone, as are those that the file itself names in a ${VAR}.
func (l *layers) unknown(d *decoder, known map[string]string) {
	names := slices.Sorted(maps.Keys(known))
	for _, name := range slices.Sorted(maps.Keys(l.env)) {
		_, isKnown := known[name]
		if isKnown || !strings.HasPrefix(name, envPrefix) || d.asked[name] || serviceLink.MatchString(name) {
			continue
		}
		near := Nearest(name, names)
		slip := near != "" && distance(name, near) <= 2
		if !slip && !inSection(name) {
			continue
		}
		p := Problem{File: "environment", Path: name, Text: "is not a known variable", Mend: "see weir docs config for the keys; handlers, sinks and settings of a kind must stand in the file"}
		if slip {
			p.Mend = fmt.Sprintf("did you mean %s?", near)
		}
		d.problems = append(d.problems, p)
	}
}

// serviceLink matches what Kubernetes puts into every container of a namespace
// for a service that is named weir, or weir-kafka.
var serviceLink = regexp.MustCompile(`_(SERVICE_HOST|SERVICE_PORT(_[A-Z0-9_]+)?|PORT(_\d+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?)$`)

// inSection reports whether a variable begins with the name of a top-level key.
func inSection(name string) bool {
	rest := strings.TrimPrefix(name, envPrefix)
	for i := range reflect.TypeFor[document]().NumField() {
		top := strings.ToUpper(fieldName(reflect.TypeFor[document]().Field(i)))
		if rest == top || strings.HasPrefix(rest, top+"_") {
			return true
		}
	}
	return false
}

// leaves returns the path of every key that takes one value or, true, a list of
// values; of handlers and sinks, those of the kinds that the file names.
func leaves(root *yaml.Node, parts Parts) map[string]bool {
	known := map[string]bool{}
	walk(reflect.TypeFor[document](), "", known)
	sinks := []string{"sink", "failure.dead_letter"}
	if n := child(root, "sinks"); n != nil {
		for i := 0; i+1 < len(target(n).Content); i += 2 {
			sinks = append(sinks, join("sinks", target(n).Content[i].Value))
		}
	}
	for _, at := range sinks {
		walk(reflect.TypeFor[consumer.SinkConfig](), at, known)
		n := valueAt(root, strings.Split(at, ".")...)
		for kind, part := range parts.Sinks {
			if n != nil && child(n, kind) != nil {
				walk(reflect.TypeOf(part.defaults), join(at, kind), known)
			}
		}
	}
	if n := child(root, "handlers"); n != nil && target(n).Kind == yaml.SequenceNode {
		for i, c := range target(n).Content {
			for kind, part := range parts.Handlers {
				if child(c, kind) != nil {
					walk(reflect.TypeOf(part.defaults), fmt.Sprintf("handlers[%d].%s", i, kind), known)
				}
			}
		}
	}
	return known
}

func walk(t reflect.Type, path string, known map[string]bool) {
	for i := range t.NumField() {
		f := t.Field(i)
		name := fieldName(f)
		if name == "" {
			continue
		}
		ft := f.Type
		if ft.Kind() == reflect.Pointer {
			ft = ft.Elem()
		}
		switch {
		case ft == reflect.TypeFor[node]():
		case ft.Kind() == reflect.Struct && !isText(ft):
			walk(ft, join(path, name), known)
		case ft.Kind() == reflect.Slice && ft.Elem().Kind() == reflect.String:
			known[join(path, name)] = true
		case ft.Kind() != reflect.Slice && ft.Kind() != reflect.Map:
			known[join(path, name)] = false
		}
	}
}
