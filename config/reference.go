package config

import (
	"encoding"
	"fmt"
	"io"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/sink"
)

// Reference writes the reference of every key as Markdown, from the same
// structs, defaults and doc tags that a file is read with.
func Reference(w io.Writer, parts Parts) error {
	var b strings.Builder
	b.WriteString("# Configuration\n\nA pipeline is one YAML file. Every single value and every list of texts can also be given by the\n" +
		"environment, as WEIR_ and its path in capitals (`WEIR_KAFKA_GROUP`, `WEIR_HANDLERS_0_FILTER_EXPRESSION`), and by\n" +
		"`--set path=value` (`--set 'handlers[0].filter.expression=.n > 3'`); a list is written with commas. Flags go before the environment, the\n" +
		"environment before the file. Settings of a handler or a sink can be set where the file names its kind. `${VAR}` and `${file:/path}`\n" +
		"in a value of the file or of `--set` bring in secrets; `$${` stands for `${`. What the environment holds is taken as it is.\n")
	section(&b, "The file", reflect.ValueOf(defaults()), "")
	b.WriteString("\n## The way to a sink\n\nBeside the kind of every sink.\n")
	table(&b, reflect.ValueOf(consumer.DefaultSinkConfig()), "")
	for _, name := range parts.sinkNames() {
		p := parts.Sinks[name]
		fmt.Fprintf(&b, "\n## Sink `%s`\n\n%s\n", name, p.Doc)
		table(&b, reflect.ValueOf(p.defaults), "")
	}
	for _, name := range parts.handlerNames() {
		p := parts.Handlers[name]
		fmt.Fprintf(&b, "\n## Handler `%s`\n\n%s\n", name, p.Doc)
		table(&b, reflect.ValueOf(p.defaults), "")
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func section(b *strings.Builder, title string, v reflect.Value, path string) {
	fmt.Fprintf(b, "\n## %s\n", title)
	table(b, v, path)
}

func table(b *strings.Builder, v reflect.Value, path string) {
	var rows []string
	collect(v, path, &rows)
	if len(rows) == 0 {
		b.WriteString("\nIt has no settings.\n")
		return
	}
	fmt.Fprintf(b, "\n| key | type | default | meaning |\n|---|---|---|---|\n%s\n", strings.Join(rows, "\n"))
}

func collect(v reflect.Value, path string, rows *[]string) {
	for i := range v.NumField() {
		f := v.Type().Field(i)
		name := fieldName(f)
		if name == "" {
			continue
		}
		fv, p := v.Field(i), join(path, name)
		if fv.Kind() == reflect.Pointer {
			fv = reflect.Zero(fv.Type().Elem())
		}
		if _, isNode := fv.Interface().(node); !isNode && fv.Kind() == reflect.Struct && !isText(fv.Type()) {
			collect(fv, p, rows)
			continue
		}
		*rows = append(*rows, fmt.Sprintf("| `%s` | %s | %s | %s |", p, typeName(fv), defaultText(fv), f.Tag.Get("doc")))
	}
}

func typeName(v reflect.Value) string {
	switch v.Interface().(type) {
	case node:
		return "part"
	case []node:
		return "list of parts"
	case map[string]node:
		return "parts by name"
	case time.Duration:
		return "duration"
	case consumer.Bytes:
		return "size"
	case consumer.Rate:
		return "rate"
	case sink.Secret:
		return "secret"
	}
	switch v.Kind() {
	case reflect.Slice:
		return "list of " + typeName(reflect.Zero(v.Type().Elem()))
	case reflect.Map:
		return "mapping to " + typeName(reflect.Zero(v.Type().Elem()))
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	default:
		return "number"
	}
}

func defaultText(v reflect.Value) string {
	if v.IsZero() {
		return ""
	}
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		if t, err := m.MarshalText(); err == nil {
			return "`" + string(t) + "`"
		}
	}
	return fmt.Sprintf("`%v`", v.Interface())
}

// YAML writes what is in force after all layers. Secrets are masked.
func (f *File) YAML() string {
	m := f.plain(reflect.ValueOf(f.doc))
	top, ok := m.(map[string]any)
	if !ok {
		return ""
	}
	var hs []any
	for _, u := range f.handlers {
		hs = append(hs, map[string]any{u.kind: f.plain(reflect.ValueOf(u.cfg))})
	}
	if hs != nil {
		top["handlers"] = hs
	}
	if f.sink != nil {
		top["sink"] = f.plainSink(f.sink)
	}
	sinks := map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(f.sinks)) {
		sinks[name] = f.plainSink(f.sinks[name])
	}
	if len(sinks) > 0 {
		top["sinks"] = sinks
	}
	if fail, ok := top["failure"].(map[string]any); ok && f.deadLetter != nil {
		fail["dead_letter"] = f.plainSink(f.deadLetter)
	}
	out, err := yaml.Marshal(top)
	if err != nil {
		return ""
	}
	return string(out)
}

func (f *File) plainSink(u *sinkUse) any {
	m, ok := f.plain(reflect.ValueOf(u.way)).(map[string]any)
	if !ok {
		m = map[string]any{}
	}
	m[u.kind] = f.plain(reflect.ValueOf(u.cfg))
	return m
}

// plain turns a config into maps, leaving out what is not set.
func (f *File) plain(v reflect.Value) any {
	switch x := v.Interface().(type) {
	case node, []node, map[string]node:
		return nil
	case time.Duration:
		return x.String()
	case encoding.TextMarshaler:
		t, err := x.MarshalText()
		if err != nil {
			return nil
		}
		return string(t)
	}
	switch v.Kind() {
	case reflect.Pointer:
		if v.IsNil() {
			return nil
		}
		return f.plain(v.Elem())
	case reflect.Struct:
		m := map[string]any{}
		for i := range v.NumField() {
			name := fieldName(v.Type().Field(i))
			if name == "" || v.Field(i).IsZero() {
				continue
			}
			if p := f.plain(v.Field(i)); p != nil {
				m[name] = p
			}
		}
		return m
	case reflect.Map:
		m := map[string]any{}
		for _, k := range v.MapKeys() {
			m[k.String()] = f.plain(v.MapIndex(k))
		}
		return m
	case reflect.String:
		return f.mask.text(bare(v.String()))
	case reflect.Slice:
		items := []any{}
		for i := range v.Len() {
			items = append(items, f.plain(v.Index(i)))
		}
		return items
	default:
		return v.Interface()
	}
}

// bare masks user, password and query of a URL.
func bare(s string) string {
	u, err := url.Parse(s)
	if err != nil || u.Host == "" || u.User == nil && u.RawQuery == "" {
		return s
	}
	user, query := "", ""
	if u.User != nil {
		user = "***@"
	}
	if u.RawQuery != "" {
		query = "?***"
	}
	return u.Scheme + "://" + user + u.Host + u.EscapedPath() + query
}
