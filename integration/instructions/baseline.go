package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
)

// read reads counts that were written before: a line each, the count first. A line that
// begins with # is a comment.
func read(path string) (counts, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("baseline: %w", err)
	}
	all := make(counts)
	for line := range strings.Lines(string(b)) {
		if line = strings.TrimSpace(line); line == "" || line[0] == '#' {
			continue
		}
		count, name, _ := strings.Cut(line, " ")
		n, err := strconv.ParseFloat(count, 64)
		if err != nil || n <= 0 {
			return nil, fmt.Errorf("baseline: %s: %q is no count", path, line)
		}
		all[strings.TrimSpace(name)] = n
	}
	return all, nil
}

// write writes the counts of all that are printed.
func (c counts) write(path string) error {
	var b strings.Builder
	fmt.Fprintf(&b, "# Instructions a record. Written by: make instructions WRITE=1, with %s %s/%s.\n", runtime.Version(), runtime.GOOS, runtime.GOARCH)
	for _, s := range subjects() {
		if !s.silent {
			fmt.Fprintf(&b, "%8.1f  %s\n", c[s.name], s.name)
		}
	}
	if err := os.WriteFile(path, []byte(b.String()), 0o644); err != nil {
		return fmt.Errorf("baseline: %w", err)
	}
	return nil
}
