package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/weir-kafka/weir/config"
	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/handlers/tenant"
)

func parseTenant(text string, env []string) (*config.File, error) {
	p := parts()
	p.Tenant = tenant.New
	return config.Parse("p.yaml", []byte(base+text), p, config.WithEnviron(env))
}

func TestTenantIsNamedByOneThing(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]consumer.TenantConfig{
		"":                                  {},
		"tenant: {key: true}":               {Key: true},
		"tenant: {header: org, limit: 10}":  {Header: "org", Limit: 10},
		"tenant: {key: true, rate: 100/s}":  {Key: true, Rate: consumer.Rate{Count: 100}},
		"tenant: {key: true, rate: 0.5/s}":  {Key: true, Rate: consumer.Rate{Count: 0.5}},
		"tenant: {key: true, rate: 1MiB/s}": {Key: true, Rate: consumer.Rate{Bytes: 1 << 20}},
	} {
		f, err := parseTenant(text, nil)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if diff := cmp.Diff(want, f.Consumer.Tenant); diff != "" {
			t.Errorf("%s (-want +got):\n%s", text, diff)
		}
		again, err := config.Parse("p.yaml", []byte(f.YAML()), parts(), config.WithEnviron(nil))
		if err != nil || again.Consumer.Tenant != want {
			t.Errorf("%s: printed as %q, which gives %v", text, f.YAML(), err)
		}
	}
	f, err := parseTenant("", []string{"WEIR_TENANT_HEADER=org", "WEIR_TENANT_RATE=5/s"})
	if err != nil {
		t.Fatal(err)
	}
	if got, want := f.Consumer.Tenant, (consumer.TenantConfig{Header: "org", Rate: consumer.Rate{Count: 5}}); got != want {
		t.Errorf("of the environment: got %v, want %v", got, want)
	}
}

func TestTenantContradictionsAreRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"tenant: {key: true, header: org}":             "tenant: has both key and header",
		"tenant: {header: org, expression: .org}":      "tenant: has both header and expression",
		"tenant: {limit: 10}":                          "tenant: does not say whose a record is",
		"tenant: {key: false}":                         "tenant: does not say whose a record is",
		"tenant: {header: ''}":                         "tenant: does not say whose a record is",
		"tenant: {key: true, limit: 0}":                "tenant.limit: is less than 1",
		"tenant: {key: true, limit: -1}":               "tenant.limit: is less than 1",
		"tenant: {key: true, rate: 100}":               `tenant.rate: "100" is not a rate`,
		"tenant: {key: true, rate: 0/s}":               `tenant.rate: "0/s" is not a rate`,
		"tenant: {key: true, rate: -1/s}":              `tenant.rate: "-1/s" is not a rate`,
		"tenant: {key: true, rate: 1MB/s}":             `tenant.rate: "1MB/s" is not a rate`,
		"tenant: {key: true, rate: NaN/s}":             `tenant.rate: "NaN/s" is not a rate`,
		"tenant: {by: key}":                            "tenant.by: is not a known key",
		"tenant:\n  expression: .org |\n  limit: 10\n": `p.yaml:13: tenant.expression: expression ".org |"`,
	} {
		_, err := parseTenant(text, nil)
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: got %v, want %q alone", text, err, want)
		}
	}
	_, err := parse(base+"tenant: {expression: .org}", nil, nil)
	if err == nil || !strings.Contains(err.Error(), "tenant.expression: is not known to this binary") {
		t.Errorf("without expressions: got %v", err)
	}
}

func TestTenantExpressionReachesThePipeline(t *testing.T) {
	t.Parallel()
	f, err := parseTenant("tenant: {expression: .org}", nil)
	if err != nil {
		t.Fatal(err)
	}
	p, err := f.Pipeline(nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := p.Tenant(&handlers.Record{Value: []byte(`{"org": "acme"}`)}); got != "acme" {
		t.Errorf("got tenant %q, want acme", got)
	}
}

func TestATenantThatCanNotWaitAloneIsAWarning(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"tenant: {key: true}\norder: partition": true, "tenant: {key: true}": false, "order: partition": false,
	} {
		f, err := parseTenant(text, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := false
		for _, w := range f.Warnings() {
			got = got || w.Path == "tenant"
		}
		if got != want {
			t.Errorf("%s: warned %t, want %t", text, got, want)
		}
	}
}
