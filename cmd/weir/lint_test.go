package main

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files")

// same wants got to be what the golden file holds, or makes it so with -update.
func same(t *testing.T, golden, got string) {
	t.Helper()
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden) //nolint:gosec // a file of the test
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("it differs from %s (-want +got):\n%s", golden, diff)
	}
}

// Every broken file has its message beside it: the place, what is wrong, the
// mend.
func TestBrokenFilesAreRefusedWithTheirMend(t *testing.T) {
	dir := filepath.Join("..", "..", "config", "testdata", "broken")
	files, err := filepath.Glob(filepath.Join(dir, "*.yaml"))
	if err != nil || len(files) < 20 {
		t.Fatalf("%d files: %v", len(files), err)
	}
	for _, file := range files {
		name := filepath.Base(file)
		t.Run(name, func(t *testing.T) {
			var stdout, stderr bytes.Buffer
			if code := execute(context.Background(), []string{"lint", file}, &stdout, &stderr); code != exitUsage {
				t.Errorf("exit code %d, want %d", code, exitUsage)
			}
			if stdout.Len() > 0 {
				t.Errorf("stdout: %s", &stdout)
			}
			got := strings.ReplaceAll(stderr.String(), dir+string(filepath.Separator), "")
			golden := strings.TrimSuffix(file, ".yaml") + ".want"
			same(t, golden, got)
		})
	}
}

// Each classic mistake has a file that makes it, and what is said of it.
func TestClassicMistakesAreFound(t *testing.T) {
	dir := filepath.Join("..", "..", "config", "testdata", "mistakes")
	for name, code := range map[string]int{
		"unbounded-buffer": exitOK, "no-timeout": exitUsage, "reject-without-retry": exitOK, "all-traffic-equal": exitOK,
		"ignored-pressure": exitOK, "health-always-200": exitOK, "no-drain": exitUsage,
	} {
		t.Run(name, func(t *testing.T) {
			file, golden := filepath.Join(dir, name+".yaml"), filepath.Join(dir, name+".want")
			var stdout, stderr bytes.Buffer
			if got := execute(context.Background(), []string{"lint", file}, &stdout, &stderr); got != code {
				t.Errorf("exit code %d, want %d", got, code)
			}
			got := strings.ReplaceAll(stdout.String()+stderr.String(), dir+string(filepath.Separator), "")
			same(t, golden, got)
		})
	}
}

func TestGeneratedPagesAreCurrent(t *testing.T) {
	for _, page := range []string{"config", "metrics"} {
		var stdout, stderr bytes.Buffer
		if code := execute(context.Background(), []string{"docs", page}, &stdout, &stderr); code != exitOK {
			t.Fatalf("exit code %d: %s", code, &stderr)
		}
		want, err := os.ReadFile(filepath.Join("..", "..", "docs", page+".md"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), stdout.String()); diff != "" {
			t.Errorf("docs/%s.md is stale: make generate (-page +now):\n%s", page, diff)
		}
	}
}
