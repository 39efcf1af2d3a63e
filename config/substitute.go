package config

import (
	"fmt"
	"os"
	"strings"

	"go.yaml.in/yaml/v3"
)

// substitute replaces ${VAR} and ${file:/path} in every scalar below n. $${ stands
// for ${. What was put in is never shown: the scalar is marked.
func (d *decoder) substitute(n *yaml.Node, env map[string]string, path string) {
	if n.Kind == yaml.ScalarNode {
		if strings.Contains(n.Value, "${") {
			d.expand(n, env, path)
		}
		return
	}
	for i, c := range n.Content {
		p := path
		if n.Kind == yaml.MappingNode {
			if i%2 == 0 {
				continue // keys are names
			}
			p = join(path, n.Content[i-1].Value)
		}
		d.substitute(c, env, p)
	}
}

func (d *decoder) expand(n *yaml.Node, env map[string]string, path string) {
	var b strings.Builder
	rest := n.Value
	for {
		i := strings.Index(rest, "${")
		if i < 0 {
			break
		}
		if i > 0 && rest[i-1] == '$' {
			b.WriteString(rest[:i-1] + "${")
			rest = rest[i+2:]
			continue
		}
		end := strings.IndexByte(rest[i:], '}')
		if end < 0 {
			d.fail(n, path, "a ${ is not closed", "write ${VAR}, or $${ for the characters themselves")
			return
		}
		text, ok := d.lookUp(n, rest[i+2:i+end], env, path)
		if !ok {
			return
		}
		d.mask.add(text)
		b.WriteString(rest[:i] + text)
		rest = rest[i+end+1:]
		d.secrets[n] = true
	}
	n.Value = b.String() + rest
	if n.Style == 0 {
		n.Tag = "!!str"
	}
}

// maxSecretFile bounds what a ${file:} may bring in.
const maxSecretFile = 1 << 20

func (d *decoder) lookUp(n *yaml.Node, name string, env map[string]string, path string) (string, bool) {
	file, isFile := strings.CutPrefix(name, "file:")
	if !isFile {
		d.asked[name] = true
		v, ok := env[name]
		switch {
		case name == "":
			d.fail(n, path, "a ${} names nothing", "write ${VAR} or ${file:/path}, or $${ for the characters themselves")
		case !ok:
			d.fail(n, path, fmt.Sprintf("the environment has no variable %s", name), "set it, or write $${ for the characters themselves")
		}
		return v, ok
	}
	b, err := os.ReadFile(file)
	if err == nil && len(b) > maxSecretFile {
		err = fmt.Errorf("%s is larger than %d bytes", file, maxSecretFile)
	}
	if err != nil {
		d.fail(n, path, err.Error(), "create it, or name the file that holds the value")
		return "", false
	}
	return strings.TrimRight(string(b), "\r\n"), true
}
