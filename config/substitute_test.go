package config_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func TestVariablesAndFilesAreSubstituted(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	secret := filepath.Join(dir, "secret")
	if err := os.WriteFile(secret, []byte("from a file\r\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"A=one", "B=two", "NEST=${A}", "COLON=a: b"}
	for in, want := range map[string]string{
		"'${A}'":                     "one",
		"x-${A}-${B}-y":              "x-one-two-y",
		"${file:" + secret + "}":     "from a file",
		"'$${A}'":                    "${A}",
		"'$$${A}'":                   "$${A}",
		"'$A $ {A}'":                 "$A $ {A}",
		"${NEST}":                    "${A}", // what comes in is not looked at again
		"${COLON}":                   "a: b", // and is no YAML
		"'${A}$${B}'":                "one${B}",
		"\"${A}\\n${B}\"":            "one\ntwo",
		"pre ${file:" + secret + "}": "pre from a file",
	} {
		f, err := parse(strings.Replace(base, "group: file", "group: "+in, 1), env, nil)
		if err != nil {
			t.Errorf("%s: %v", in, err)
			continue
		}
		if got := f.Consumer.Kafka.Group; got != want {
			t.Errorf("%s: got %q, want %q", in, got, want)
		}
	}
}

func TestSubstitutionThatFailsNamesItsPlace(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"${NONE}":            "p.yaml:3: kafka.group: the environment has no variable NONE",
		"'${}'":              "p.yaml:3: kafka.group: a ${} names nothing",
		"'${A'":              "p.yaml:3: kafka.group: a ${ is not closed",
		"${file:/none/none}": "p.yaml:3: kafka.group: open /none/none: no such file or directory",
		"'${file:}'":         "p.yaml:3: kafka.group: open : no such file or directory",
	} {
		_, err := parse(strings.Replace(base, "group: file", "group: "+in, 1), nil, nil)
		if err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", in, err, want)
		}
	}
}

func TestEnvironmentIsTakenAsItIsAndFlagsAreSubstituted(t *testing.T) {
	t.Parallel()
	f, err := parse(base, []string{"V=v", "WEIR_KAFKA_GROUP=${V}"}, map[string]string{"name": "${V}"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := f.Consumer.Kafka.Group, "${V}"; got != want {
		t.Errorf("environment: got %q, want %q", got, want)
	}
	if got, want := f.Consumer.Name, "v"; got != want {
		t.Errorf("flag: got %q, want %q", got, want)
	}
}

const sentinel = "S3NTINEL-\"quoted\"-value"

const secretFile = `kafka:
  brokers: [a:1]
  group: g
  topics: [t]
  sasl: {mechanism: plain, username: u, password: "${SECRET}"}
sink:
  http:
    url: "http://user:${PLAIN}@127.0.0.1:1/path?key=${PLAIN}"
    headers: {Authorization: "Bearer ${SECRET}", X-Key: literal-S3NTINEL}
failure: {dead_letter: {stdout: {}}}
`

func secretEnv() []string { return []string{"SECRET=" + sentinel, "PLAIN=S3NTINEL.plain"} }

func TestFileShowsNoSecretHoweverItIsPrinted(t *testing.T) {
	t.Parallel()
	f, err := parse(secretFile, secretEnv(), nil)
	if err != nil {
		t.Fatal(err)
	}
	asJSON, err := json.Marshal(f)
	if err != nil {
		t.Fatal(err)
	}
	asJSON2, err := json.Marshal(f.Consumer)
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal(f.Consumer)
	if err != nil {
		t.Fatal(err)
	}
	for name, out := range map[string]string{
		"yaml": string(asYAML),
		"YAML": f.YAML(), "json": string(asJSON), "json of Consumer": string(asJSON2),
		"%v": fmt.Sprintf("%v", f), "%+v": fmt.Sprintf("%+v", *f), "%#v": fmt.Sprintf("%#v", *f),
		"%+v of SASL": fmt.Sprintf("%+v", *f.Consumer.Kafka.SASL), "%#v of SASL": fmt.Sprintf("%#v", *f.Consumer.Kafka.SASL),
		"%s": fmt.Sprintf("%s", f.Consumer.Kafka.SASL), "%q": fmt.Sprintf("%q", f.Consumer.Kafka.SASL.Password), "%x": fmt.Sprintf("%x", f.Consumer.Kafka.SASL.Password),
		"warnings": fmt.Sprint(f.Warnings()), "mask": f.Mask("dial " + sentinel),
	} {
		if strings.Contains(out, "S3NTINEL") || strings.Contains(out, fmt.Sprintf("%x", "S3NTINEL")) {
			t.Errorf("%s shows a secret:\n%s", name, out)
		}
	}
	if got := f.Consumer.Kafka.SASL.Password.Reveal(); got != sentinel {
		t.Errorf("got password %q, want %q", got, sentinel)
	}
}

// A secret in the wrong place is refused without being quoted.
func TestProblemsQuoteNoSubstitutedValue(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"order: ${SECRET}", "memory: ${SECRET}", "drain: ${SECRET}", "log: {level: '${SECRET}'}", "log: {format: 'x${SECRET}y'}",
		"admin: {listen: '${SECRET}'}", "failure: {attempts: '${SECRET}'}", "failure: {dead_letter: '${SECRET}'}", "failure: {dead_letter: {kafka: {topic: 'a b ${PLAIN}'}}}",
		"sinks: {a: {stdout: {format: '${SECRET}'}}}", "sinks: {a: {http: {url: '${PLAIN}://x'}}}", "sinks: {a: {http: {url: 'http://h/', method: '${SECRET}'}}}",
		"failure: {dead_letter: {stdout: {}, limit: {max: '${SECRET}'}}}",
	} {
		f, err := parse(base+text+"\n", secretEnv(), nil)
		if err == nil {
			_, err = f.Pipeline(nil)
		}
		if err == nil {
			t.Errorf("%s is taken", text)
			continue
		}
		if strings.Contains(err.Error(), "S3NTINEL") {
			t.Errorf("%s: the problem shows a secret: %v", text, err)
		}
	}
	for _, key := range []string{"start: ${SECRET}", "protocol: ${SECRET}", "pattern: '[${PLAIN}'", "tls: {ca: '${PLAIN}'}", "sasl: {mechanism: '${SECRET}'}"} {
		_, err := parse(strings.Replace(base, "  group: file", "  group: file\n  "+key, 1), secretEnv(), nil)
		if err == nil || strings.Contains(err.Error(), "S3NTINEL") {
			t.Errorf("%s: got %v, want a problem without a secret", key, err)
		}
	}
}
