package config

import (
	"fmt"
	"maps"
	"reflect"
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
	return envPrefix + strings.ToUpper(strings.ReplaceAll(path, ".", "_"))
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
	for path, val := range l.overrides {
		if _, ok := known[path]; !ok {
			d.problems = append(d.problems, Problem{File: "--set", Path: path, Text: "is not a known key", Mend: hint(path, slices.Collect(maps.Keys(known)))})
			continue
		}
		v.Set(path, val)
		from[path] = "--set"
	}
	for _, path := range slices.Sorted(maps.Keys(from)) {
		d.overlay(root, path, v.GetString(path), from[path], known[path])
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

// overlay writes a value of another layer into the tree.
func (d *decoder) overlay(root *yaml.Node, path, val, from string, list bool) {
	keys := strings.Split(path, ".")
	n := root
	for _, key := range keys[:len(keys)-1] {
		next := child(n, key)
		if next == nil || next.Kind != yaml.MappingNode {
			next = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
			setChild(n, key, next)
		}
		n = next
	}
	leaf := d.leaf(val, from)
	if list {
		leaf = &yaml.Node{Kind: yaml.SequenceNode, Tag: "!!seq"}
		for item := range strings.SplitSeq(val, ",") {
			leaf.Content = append(leaf.Content, d.leaf(strings.TrimSpace(item), from))
		}
	}
	d.sources[leaf] = from
	setChild(n, keys[len(keys)-1], leaf)
}

func (d *decoder) leaf(val, from string) *yaml.Node {
	n := &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: val}
	d.sources[n] = from
	return n
}

func setChild(n *yaml.Node, key string, val *yaml.Node) {
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			n.Content[i+1] = val
			return
		}
	}
	n.Content = append(n.Content, &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key}, val)
}

// unknown finds variables that look like a key and are none. Others that begin
// alike are left alone: a service that is named weir gives every container in a
// Kubernetes namespace WEIR_SERVICE_HOST.
func (l *layers) unknown(d *decoder, known map[string]string) {
	names := slices.Sorted(maps.Keys(known))
	for _, name := range slices.Sorted(maps.Keys(l.env)) {
		if _, ok := known[name]; ok || !strings.HasPrefix(name, envPrefix) {
			continue
		}
		for _, k := range names {
			if distance(name, k) <= 2 {
				d.problems = append(d.problems, Problem{File: "environment", Path: name, Text: "is not a known variable", Mend: fmt.Sprintf("did you mean %s?", k)})
				break
			}
		}
	}
}

// leaves returns the path of every key that takes one value or, true, a list of
// values; of sinks, those of the kind that the file names.
func leaves(root *yaml.Node, parts Parts) map[string]bool {
	known := map[string]bool{}
	walk(reflect.TypeFor[document](), "", known)
	for _, at := range []string{"sink", "failure.dead_letter"} {
		walk(reflect.TypeFor[consumer.SinkConfig](), at, known)
		n := valueAt(root, strings.Split(at, ".")...)
		for kind, part := range parts.Sinks {
			if n != nil && child(n, kind) != nil {
				walk(reflect.TypeOf(part.defaults), at+"."+kind, known)
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
		case ft.Kind() == reflect.Struct:
			walk(ft, join(path, name), known)
		case ft.Kind() == reflect.Slice && ft.Elem().Kind() == reflect.String:
			known[join(path, name)] = true
		case ft.Kind() != reflect.Slice && ft.Kind() != reflect.Map:
			known[join(path, name)] = false
		}
	}
}
