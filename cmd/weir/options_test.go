package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"maps"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"

	"github.com/weir-kafka/weir/config"
)

// option is a value for a key, and what must stand beside it.
type option struct {
	value  string
	beside []string
}

// options has a value for every single value and list of the file: the test
// below fails for a key of the reference that is not here.
func options(dir string) map[string]option {
	tls := filepath.Join(dir, "tls.pem")
	pair := []string{"kafka.tls.cert=" + tls, "kafka.tls.key=" + tls}
	plain := []string{"kafka.sasl.mechanism=plain", "kafka.sasl.username=u", "kafka.sasl.password=p"}
	return map[string]option{
		"name": {"n", nil}, "order": {"partition", nil}, "memory": {"64MiB", nil}, "drain": {"20s", nil}, "handler_timeout": {"20s", nil},
		"kafka.brokers": {"a:1,b:2", nil}, "kafka.group": {"other", nil}, "kafka.topics": {"x,y", nil}, "kafka.pattern": {"^x", []string{"kafka.topics="}},
		"kafka.protocol": {"consumer", nil}, "kafka.start": {"2026-01-31T12:00:00Z", nil}, "kafka.instance_id": {"i", nil},
		"kafka.rebalance_timeout": {"2m0s", nil}, "kafka.session_timeout": {"30s", nil}, "kafka.commit_interval": {"2s", nil},
		"kafka.tls.ca": {tls, nil}, "kafka.tls.cert": {tls, pair}, "kafka.tls.key": {tls, pair}, "kafka.tls.server_name": {"broker", nil},
		"kafka.sasl.mechanism": {"scram-sha-512", plain}, "kafka.sasl.username": {"other", plain}, "kafka.sasl.password": {"other", plain},
		"kafka.sasl.token": {"t", []string{"kafka.sasl.mechanism=oauthbearer"}},
		"tenant.key":       {"true", nil}, "tenant.header": {"org", nil}, "tenant.expression": {".org", nil},
		"tenant.limit": {"7", []string{"tenant.key=true"}}, "tenant.rate": {"1MiB/s", []string{"tenant.key=true"}},
		"failure.attempts": {"7", nil}, "failure.dead_letter_ratio": {"0.5", nil},
		"admin.listen":      {"127.0.0.1:9999", nil},
		"log.level":         {"debug", nil},
		"log.format":        {"json", nil},
		"sink.rate":         {"500/s", nil},
		"sink.limit.max":    {"9", nil},
		"sink.limit.fixed":  {"9", nil},
		"sink.limit.shadow": {"true", []string{"sink.limit.fixed=9"}},
		"sink.timeout":      {"9s", nil},
		"file.path":         {"/other", nil},
		"file.format":       {"value", nil},
		"file.fsync":        {"never", nil},
		"http.url":          {"https://other/x", nil},
		"http.method":       {"PUT", nil},
		"http.batch":        {"json", nil},
		"http.max_messages": {"7", nil},
		"http.max_bytes":    {"7000", nil},
		"http.content_type": {"text/x", nil},
		"kafka.topic":       {"other", nil},
		"stdout.format":     {"json", nil},
		"filter.expression": {".other", nil},
		"key.expression":    {".other", nil},
		"map.expression":    {".other", nil},
		"split.expression":  {".other[]", nil},
		"header.remove":     {"a,b", nil},
	}
}

const optionsFile = `kafka: {brokers: [z:1], group: z, topics: [z]}
handlers: [{filter: {expression: .z}}, {map: {expression: .z}}, {key: {expression: .z}}, {split: {expression: '.z[]'}}, {header: {set: {z: z}}}]
sink: {stdout: {}}
sinks: {file: {file: {path: /z}}, http: {http: {url: http://z/}}, kafka: {kafka: {topic: z2}}, stdout: {stdout: {}}}
`

// Every key of the reference can be set, by --set and by the environment, and is
// in force then.
func TestEveryOptionOfTheReferenceRoundTrips(t *testing.T) {
	dir := t.TempDir()
	writePEM(t, filepath.Join(dir, "tls.pem"))
	known := options(dir)
	for _, key := range referenceKeys(t) {
		o, ok := known[key.name]
		if !ok && key.single {
			t.Errorf("the test has no value for %s", key.name)
			continue
		}
		if !ok {
			continue
		}
		delete(known, key.name)
		over := map[string]string{}
		for _, b := range o.beside {
			k, v, _ := strings.Cut(b, "=")
			over[k] = v
		}
		over[key.path] = o.value
		f, err := config.Parse("p.yaml", []byte(optionsFile), parts(), config.WithEnviron(nil), config.WithOverrides(over))
		if err != nil {
			t.Errorf("--set %s=%s: %v", key.path, o.value, err)
			continue
		}
		check(t, "--set", f, key, o.value)
		var env []string
		for k, v := range over {
			env = append(env, "WEIR_"+strings.ToUpper(strings.NewReplacer(".", "_", "[", "_", "]", "").Replace(k))+"="+v)
		}
		if f, err = config.Parse("p.yaml", []byte(optionsFile), parts(), config.WithEnviron(env)); err != nil {
			t.Errorf("environment %s: %v", env, err)
			continue
		}
		check(t, "environment", f, key, o.value)
	}
	for _, name := range slices.Sorted(maps.Keys(known)) {
		t.Errorf("the reference does not know %s", name)
	}
}

// check looks for the value where the file in force has it.
func check(t *testing.T, layer string, f *config.File, key referenceKey, want string) {
	t.Helper()
	var tree any
	if err := yaml.Unmarshal([]byte(f.YAML()), &tree); err != nil {
		t.Fatalf("%v:\n%s", err, f.YAML())
	}
	for step := range strings.SplitSeq(strings.NewReplacer("[", ".", "]", "").Replace(key.path), ".") {
		switch at := tree.(type) {
		case map[string]any:
			tree = at[step]
		case []any:
			var i int
			if _, err := fmt.Sscan(step, &i); err != nil || i >= len(at) {
				t.Fatalf("%s: no item %s", key.path, step)
			}
			tree = at[i]
		}
	}
	got := fmt.Sprint(tree)
	if list, ok := tree.([]any); ok {
		items := make([]string, len(list))
		for i, item := range list {
			items[i] = fmt.Sprint(item)
		}
		got = strings.Join(items, ",")
	}
	if key.secret {
		want = "***"
	}
	if got != want {
		t.Errorf("%s %s: got %s in force, want %s", layer, key.path, got, want)
	}
}

// referenceKey is a row of docs/config.md: its name within its section, and its path in
// the file of this test.
type referenceKey struct {
	name, path     string
	single, secret bool
}

func referenceKeys(t *testing.T) []referenceKey {
	t.Helper()
	handlers := []string{"filter", "map", "key", "split", "header"}
	head := regexp.MustCompile("^## (Sink|Handler|The file|The way)(?:[^`]*`([a-z]+)`)?")
	row := regexp.MustCompile("^\\| `([a-z_.]+)` \\| ([a-z ]+) \\|")
	var keys []referenceKey
	section, kind := "", ""
	for line := range strings.Lines(string(repository(t, "docs", "config.md"))) {
		if m := head.FindStringSubmatch(line); m != nil {
			section, kind = m[1], m[2]
		}
		m := row.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		k := referenceKey{name: m[1], path: m[1], secret: m[2] == "secret"}
		k.single = !strings.Contains(m[2], "part") && !strings.HasPrefix(m[2], "mapping")
		switch section {
		case "The way":
			k.name, k.path = "sink."+m[1], "sink."+m[1]
		case "Sink":
			k.name, k.path = kind+"."+m[1], "sinks."+kind+"."+kind+"."+m[1]
		case "Handler":
			k.name, k.path = kind+"."+m[1], fmt.Sprintf("handlers[%d].%s.%s", slices.Index(handlers, kind), kind, m[1])
		}
		if k.name == "kafka.brokers" && section == "Sink" {
			continue // as the pipeline's, which is tested
		}
		keys = append(keys, k)
	}
	if len(keys) < 45 {
		t.Fatalf("got %d keys in docs/config.md, want at least 45", len(keys))
	}
	return keys
}

// writePEM writes a key and a certificate of its own.
func writePEM(t *testing.T, path string) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1)}
	cert, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	text := append(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})...)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
}
