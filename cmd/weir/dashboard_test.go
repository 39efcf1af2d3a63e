package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
)

func repository(t *testing.T, path ...string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{"..", ".."}, path...)...)) //nolint:gosec // a file of the repository
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestDashboardAsksOnlyForMetricsThatExist(t *testing.T) {
	dashboard := repository(t, "deploy", "grafana", "dashboards", "weir.json")
	if !json.Valid(dashboard) {
		t.Fatal("the dashboard is not JSON")
	}
	reference := string(repository(t, "docs", "metrics.md"))
	names := regexp.MustCompile(`\bweir_[a-z_]+`).FindAllString(string(dashboard), -1)
	if len(names) < 20 {
		t.Fatalf("the dashboard names %d metrics, want at least 20", len(names))
	}
	for _, name := range names {
		base := name
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			base = strings.TrimSuffix(base, suffix)
		}
		if !strings.Contains(reference, "`"+base+"`") {
			t.Errorf("the dashboard asks for %s, which docs/metrics.md does not know", name)
		}
	}
}

func TestComposeListensOnLoopbackOnlyAndKnowsWhatIsHealthy(t *testing.T) {
	var compose struct {
		Services map[string]struct {
			Image       string
			Ports       []string
			NetworkMode string            `yaml:"network_mode"`
			Command     []string          `yaml:"command"`
			Environment map[string]string `yaml:"environment"`
			Healthcheck *struct{ Test []string }
			Volumes     []string
		}
	}
	if err := yaml.Unmarshal(repository(t, "docker-compose.yml"), &compose); err != nil {
		t.Fatal(err)
	}
	if len(compose.Services) != 4 {
		t.Fatalf("got %d services, want 4", len(compose.Services))
	}
	for name, s := range compose.Services {
		if want := "${" + strings.ToUpper(name) + "_IMAGE:-"; !strings.HasPrefix(s.Image, want) {
			t.Errorf("%s: got image %s, want %s...", name, s.Image, want)
		}
		if s.Healthcheck == nil || len(s.Healthcheck.Test) == 0 {
			t.Errorf("%s has no healthcheck", name)
		}
		for _, p := range s.Ports {
			if !strings.HasPrefix(p, "127.0.0.1:") {
				t.Errorf("%s: port %s is open to the network", name, p)
			}
		}
		shared := strings.Join(s.Command, " ") + s.Environment["GF_SERVER_HTTP_ADDR"]
		if s.NetworkMode == "host" && !strings.Contains(shared, "127.0.0.1") {
			t.Errorf("%s shares the host's network and listens everywhere", name)
		}
		for _, v := range s.Volumes {
			from, _, _ := strings.Cut(v, ":")
			if _, err := os.Stat(filepath.Join("..", "..", from)); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
