package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// leaks are what can be planted into each call of the sink http.
func leaks() map[string]string {
	return map[string]string{
		"goroutine": `go func() { select {} }()`,
		"descriptor": `if p := new([2]int); leaked.Add(1)%50 == 0 { _ = syscall.Pipe(p[:]) }
`,
		"heap": `kept.Store(leaked.Add(1), make([]byte, 512))`,
	}
}

const leakDeclarations = "\nvar (\n\tleaked atomic.Int64\n\tkept sync.Map\n\t_ = syscall.Pipe\n\t_ = &kept\n\t_ = &leaked\n)\n"

// overlay returns the build flags for a binary with a leak: the sources stay as they
// are, and the compiler gets another file in the place of one.
func overlay(dir, leak string) ([]string, error) {
	plant, ok := leaks()[leak]
	if !ok {
		return nil, fmt.Errorf("-leak %q: goroutine, descriptor or heap", leak)
	}
	path, err := filepath.Abs("sink/http/write.go")
	if err != nil {
		return nil, err
	}
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("a leak is planted in the sources, at the root of the module: %w", err)
	}
	const begins = "func (s *Sink) Write(ctx context.Context, batch []sink.Message) error {\n"
	text := string(src)
	if strings.Count(text, begins) != 1 {
		return nil, fmt.Errorf("%s: no place for the leak", path)
	}
	text = strings.Replace(text, begins, begins+"\t"+plant+"\n", 1) + leakDeclarations
	text = strings.Replace(text, "import (\n", "import (\n\t\"sync\"\n\t\"sync/atomic\"\n\t\"syscall\"\n", 1)
	with := filepath.Join(dir, "write.go")
	if err := os.WriteFile(with, []byte(text), 0o600); err != nil {
		return nil, err
	}
	file, err := json.Marshal(map[string]map[string]string{"Replace": {path: with}})
	if err != nil {
		return nil, err
	}
	list := filepath.Join(dir, "overlay.json")
	return []string{"-overlay", list}, os.WriteFile(list, file, 0o600)
}
