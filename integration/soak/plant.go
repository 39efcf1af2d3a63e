package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// plant is a bug that a run must find.
type plant struct {
	file  string // below the root of the module
	edits [][2]string
	more  string // at the end of the file
}

// leaked makes a plant of what is done in each call of the sink http.
func leaked(what string) plant {
	const begins = "func (s *Sink) Write(ctx context.Context, batch []sink.Message) error {\n"
	return plant{"sink/http/write.go", [][2]string{
		{begins, begins + "\t" + what + "\n"},
		{"import (\n", "import (\n\t\"sync\"\n\t\"sync/atomic\"\n\t\"syscall\"\n"},
	}, "\nvar (\n\tleaked atomic.Int64\n\tkept sync.Map\n\t_ = syscall.Pipe\n\t_ = &kept\n\t_ = &leaked\n)\n"}
}

func plants() map[string]plant {
	const (
		explain = "consumer/explain.go"
		pause   = "		c.client.PauseFetchPartitions(pause)\n"
		losing  = "	left := c.end(lost, parts...)\n"
	)
	return map[string]plant{
		"goroutine":  leaked("go func() { select {} }()"),
		"descriptor": leaked("if p := new([2]int); leaked.Add(1)%50 == 0 { _ = syscall.Pipe(p[:]) }"),
		"heap":       leaked("kept.Store(leaked.Add(1), make([]byte, 512))"),
		"lag":        {file: explain, edits: [][2]string{{"max(p.end-r.Committed, 0)", "max(p.end-r.Committed, 0) + 1"}}},
		"committed":  {file: explain, edits: [][2]string{{"max(p.committed, p.floor)", "max(p.committed, p.floor) - 1"}}},
		"held":       {file: explain, edits: [][2]string{{"HeldRecords: p.records", "HeldRecords: p.records + 1"}}},
		"rejoining":  {file: "consumer/reconcile.go", edits: [][2]string{{pause, pause + "		c.client.ForceRebalance()\n"}}},
		"leaving":    {file: "consumer/reconcile.go", edits: [][2]string{{pause, pause + "		go c.client.LeaveGroup()\n"}}},
		"silent":     {file: "consumer/client.go", edits: [][2]string{{"min(3*time.Second, k.SessionTimeout/3)", "k.SessionTimeout"}}},
		"stuck":      {file: "consumer/rebalance.go", edits: [][2]string{{losing, "	time.Sleep(time.Hour)\n" + losing}}},
	}
}

func names() string { return strings.Join(slices.Sorted(maps.Keys(plants())), ", ") }

// apply returns the source with the bug in it.
func (p plant) apply(source string) (string, error) {
	for _, e := range p.edits {
		if n := strings.Count(source, e[0]); n != 1 {
			return "", fmt.Errorf("%s: the place of the bug is there %d times, want once: %s", p.file, n, e[0])
		}
		source = strings.Replace(source, e[0], e[1], 1)
	}
	return source + p.more, nil
}

// overlay returns the build flags for a binary with a bug: the sources stay as they
// are, and the compiler gets another file in the place of one.
func overlay(dir, name string) ([]string, error) {
	p, ok := plants()[name]
	if !ok {
		return nil, fmt.Errorf("-plant %q: one of %s", name, names())
	}
	path, err := filepath.Abs(p.file)
	if err != nil {
		return nil, err
	}
	src, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("a bug is planted in the sources, at the root of the module: %w", err)
	}
	text, err := p.apply(string(src))
	if err != nil {
		return nil, err
	}
	with := filepath.Join(dir, filepath.Base(p.file))
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
