package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"time"
)

// writeReport writes the report to path, and its plots beside it.
func writeReport(path string, results []result, took time.Duration) error {
	w := new(bytes.Buffer)
	fmt.Fprintf(w, "# Measured\n\nWritten by `make bench-report` in %s. %s\n\n", took.Round(time.Second), machine())
	fmt.Fprintln(w, "A value is a median with its 95 % interval. A/A is the same quantity of the first subject over itself, in the same rounds: where its interval leaves 0.97 to 1.03")
	fmt.Fprintln(w, "the machine was not quiet enough, and the row is void: neither passed nor failed. n is how many rounds there were.")
	for _, c := range chapters() {
		rs := c.of(results)
		if len(rs) == 0 {
			continue
		}
		fmt.Fprintf(w, "\n## %s\n\n| row | what | form | median (95 %%) | n | A/A | at least | aim | verdict | note |\n|---|---|---|---|---|---|---|---|---|---|\n", c.title)
		for i := range rs {
			fmt.Fprintf(w, "| %s |\n", line(&rs[i], " | "))
		}
		number, _, _ := strings.Cut(c.workloads[0].name, "-")
		name := strings.ToLower(number) + ".svg"
		if err := os.WriteFile(filepath.Join(filepath.Dir(path), name), plot(rs), 0o644); err != nil {
			return err
		}
		fmt.Fprintf(w, "\n![%s](%s)\n", c.title, name)
	}
	return os.WriteFile(path, w.Bytes(), 0o644)
}

// of are the results of the chapter's rows.
func (c *chapter) of(results []result) []result {
	var mine []result
	for _, r := range results {
		if slices.ContainsFunc(c.gates, func(g gate) bool { return g.id == r.gate }) {
			mine = append(mine, r)
		}
	}
	return mine
}

// machine says what was measured, and on what.
func machine() string {
	commit := "unknown"
	if out, err := exec.Command("git", "rev-parse", "--short", "HEAD").Output(); err == nil {
		commit = strings.TrimSpace(string(out))
	}
	said := []string{
		fmt.Sprintf("Commit %s; %s", commit, runtime.Version()),
		fmt.Sprintf("%d processors (%s)", runtime.NumCPU(), field("/proc/cpuinfo", "model name")),
		"memory " + field("/proc/meminfo", "MemTotal"),
		"load at the end " + firstWords("/proc/loadavg", 3),
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		var versions []string
		for _, d := range info.Deps {
			if slices.Contains([]string{
				"github.com/twmb/franz-go", "github.com/IBM/sarama", "github.com/segmentio/kafka-go",
				"github.com/ThreeDotsLabs/watermill-kafka/v3",
			}, d.Path) {
				versions = append(versions, strings.TrimPrefix(d.Path, "github.com/")+" "+d.Version)
			}
		}
		said = append(said, strings.Join(versions, ", "))
	}
	return strings.Join(said, "; ") + "."
}

// field is what a file of /proc says of a name.
func field(path, name string) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	for l := range strings.Lines(string(raw)) {
		if k, v, ok := strings.Cut(l, ":"); ok && strings.TrimSpace(k) == name {
			return strings.TrimSpace(v)
		}
	}
	return "unknown"
}

func firstWords(path string, n int) string {
	raw, err := os.ReadFile(path)
	if err != nil {
		return "unknown"
	}
	words := strings.Fields(string(raw))
	return strings.Join(words[:min(n, len(words))], " ")
}
