package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"
)

// LoadOption changes where values come from beside the file.
type LoadOption func(*layers)

// WithEnviron sets the environment, as os.Environ returns it, which is the default.
func WithEnviron(environ []string) LoadOption {
	return func(l *layers) { l.env = environMap(environ) }
}

// WithOverrides sets values by path, such as kafka.group, over file and
// environment.
func WithOverrides(values map[string]string) LoadOption {
	return func(l *layers) { l.overrides = values }
}

// maxFile bounds a configuration file.
const maxFile = 1 << 20

// Load reads the file at path, lays the environment and overrides over it and
// checks everything. Its error is [Problems].
func Load(path string, parts Parts, opts ...LoadOption) (*File, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, Problems{{File: path, Text: reason(err), Mend: "give the path of a pipeline file"}}
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	switch {
	case err != nil:
		return nil, Problems{{File: path, Text: reason(err), Mend: "give the path of a pipeline file"}}
	case len(text) > maxFile:
		return nil, Problems{{File: path, Text: fmt.Sprintf("is larger than %d bytes", maxFile)}}
	}
	return Parse(path, text, parts, opts...)
}

func reason(err error) string {
	var pe *os.PathError
	if errors.As(err, &pe) {
		return pe.Err.Error()
	}
	return err.Error()
}

// Parse is [Load] for a text that is already there; name stands for its file in
// errors.
func Parse(name string, text []byte, parts Parts, opts ...LoadOption) (*File, error) {
	l := &layers{env: environMap(os.Environ())}
	for _, o := range opts {
		o(l)
	}
	d := &decoder{file: name, secrets: map[*yaml.Node]bool{}, sources: map[*yaml.Node]string{}, asked: map[string]bool{}}
	root, ok := d.parse(text)
	if !ok {
		return nil, d.problems
	}
	d.substitute(root, l.env, "")
	l.apply(d, root, parts)
	f := &File{path: name, doc: defaults(), mask: &d.mask}
	d.decode(root, reflect.ValueOf(&f.doc).Elem(), "")
	d.parts(f, root, parts)
	if len(d.problems) == 0 { // what could not be read contradicts nothing
		d.check(f, root)
		d.checkTenant(f, root, parts)
	}
	if len(d.problems) > 0 {
		return nil, d.mask.problems(d.problems.sorted())
	}
	f.open, f.mistakes = d.open, d.mistakes(f, root)
	return f, nil
}

// parse returns the top mapping of the one document in text.
func (d *decoder) parse(text []byte) (*yaml.Node, bool) {
	dec := yaml.NewDecoder(bytes.NewReader(text))
	var doc yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			d.problems = append(d.problems, Problem{File: d.file, Text: "is empty", Mend: "start from the file that weir demo prints"})
			return nil, false
		}
		d.problems = append(d.problems, yamlProblem(d.file, text, err))
		return nil, false
	}
	var second yaml.Node
	switch err := dec.Decode(&second); {
	case err == nil:
		d.fail(&second, "", "holds several documents", "keep one pipeline in a file")
		return nil, false
	case !errors.Is(err, io.EOF):
		d.problems = append(d.problems, yamlProblem(d.file, text, err))
		return nil, false
	}
	root := doc.Content[0]
	if root.Kind != yaml.MappingNode {
		d.fail(root, "", "is "+nodeName(root)+", not a mapping of keys", "start from the file that weir demo prints")
		return nil, false
	}
	if n := count(root, 0); n > maxNodes {
		d.fail(root, "", "is too large when its aliases are resolved", "")
		return nil, false
	}
	return root, true
}

// maxNodes bounds what aliases may blow a file up to.
const maxNodes = 100_000

func count(n *yaml.Node, so int) int {
	if so++; so > maxNodes {
		return so
	}
	if n.Kind == yaml.AliasNode {
		return count(n.Alias, so)
	}
	for _, c := range n.Content {
		if so = count(c, so); so > maxNodes {
			return so
		}
	}
	return so
}

// yamlProblem takes the line out of the parser's error, which has none for an
// unknown anchor.
func yamlProblem(file string, text []byte, err error) Problem {
	p := Problem{File: file, Text: "is not YAML: " + strings.TrimPrefix(err.Error(), "yaml: ")}
	var line int
	if _, e := fmt.Sscanf(err.Error(), "yaml: line %d:", &line); e == nil {
		p.Line = line
		_, why, _ := strings.Cut(err.Error(), fmt.Sprintf("line %d: ", line))
		p.Text = "is not YAML: " + why
	}
	var anchor string
	if _, e := fmt.Sscanf(err.Error(), "yaml: unknown anchor '%s", &anchor); e == nil {
		before, _, _ := bytes.Cut(text, []byte("*"+strings.TrimSuffix(anchor, "'")))
		p.Line = bytes.Count(before, []byte("\n")) + 1
	}
	if strings.Contains(p.Text, "cannot start any token") || strings.Contains(p.Text, "tab") {
		p.Mend = "indent with spaces, not tabs"
	}
	return p
}

// valueAt returns the node of a key below the top mapping, nil if it is not there.
func valueAt(root *yaml.Node, path ...string) *yaml.Node {
	n := root
	for _, key := range path {
		if n = child(n, key); n == nil {
			return nil
		}
	}
	return n
}

// child returns the node of a key in a mapping, or of an item, as in handlers[0].
func child(n *yaml.Node, key string) *yaml.Node {
	if at := slot(n, key); at != nil {
		return *at
	}
	return nil
}

// slot returns where [child] stands, nil if nothing does.
func slot(n *yaml.Node, key string) **yaml.Node {
	n = target(n)
	key, item, isItem := strings.Cut(strings.TrimSuffix(key, "]"), "[")
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value != key {
			continue
		}
		if !isItem {
			return &n.Content[i+1]
		}
		items := target(n.Content[i+1]).Content
		at, err := strconv.Atoi(item)
		if err != nil || at < 0 || at >= len(items) {
			return nil
		}
		return &items[at]
	}
	return nil
}

// target returns what an alias stands for.
func target(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}
