package main

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/weir-kafka/weir/integration/lab"
	"github.com/weir-kafka/weir/integration/plant"
)

// leaked is what is done in each call of the sink http.
func leaked(what string) []plant.Edit {
	const (
		file   = "sink/http/write.go"
		begins = "func (s *Sink) Write(ctx context.Context, batch []sink.Message) error {\n"
		where  = "var (\n\tleaked atomic.Int64\n\tkept sync.Map\n\t_ = syscall.Pipe\n\t_ = &kept\n\t_ = &leaked\n)\n\n"
	)
	return []plant.Edit{
		{File: file, Old: begins, New: where + begins + "\t" + what + "\n"},
		{File: file, Old: "import (\n", New: "import (\n\t\"sync\"\n\t\"sync/atomic\"\n\t\"syscall\"\n"},
	}
}

// plants are the bugs that a run must find, by name.
func plants() map[string][]plant.Edit {
	one := func(file, old, with string) []plant.Edit {
		return []plant.Edit{{File: file, Old: old, New: with}}
	}
	const (
		explain   = "consumer/explain.go"
		reconcile = "consumer/reconcile.go"
		pause     = "		c.client.PauseFetchPartitions(pause)\n"
		losing    = "	left := c.end(lost, parts...)\n"
	)
	return map[string][]plant.Edit{
		"goroutine":  leaked("go func() { select {} }()"),
		"descriptor": leaked("if p := new([2]int); leaked.Add(1)%50 == 0 { _ = syscall.Pipe(p[:]) }"),
		"heap":       leaked("kept.Store(leaked.Add(1), make([]byte, 512))"),
		"lag":        one(explain, "max(p.end-r.Committed, 0)", "max(p.end-r.Committed, 0) + 1"),
		"committed":  one(explain, "max(p.committed, p.floor)", "max(p.committed, p.floor) - 1"),
		"held":       one(explain, "HeldRecords: p.records", "HeldRecords: p.records + 1"),
		"rejoining":  one(reconcile, pause, pause+"		c.client.ForceRebalance()\n"),
		"leaving":    one(reconcile, pause, pause+"		go c.client.LeaveGroup()\n"),
		"silent":     one("consumer/client.go", "min(3*time.Second, k.SessionTimeout/3)", "k.SessionTimeout"),
		"stuck":      one("consumer/rebalance.go", losing, "	time.Sleep(time.Hour)\n"+losing),
	}
}

func names() string { return strings.Join(slices.Sorted(maps.Keys(plants())), ", ") }

// window has the binary list its goroutines, so that what grew has a name.
func window() []plant.Edit {
	const (
		file  = "cmd/weir/internal/admin/admin.go"
		place = "	mux.HandleFunc(\"GET /explain\", "
	)
	return []plant.Edit{
		{File: file, Old: place, New: "	mux.HandleFunc(\"GET " + lab.GoroutinePath + "\", func(w http.ResponseWriter, _ *http.Request) {\n" +
			"		_ = pprof.Lookup(\"goroutine\").WriteTo(w, 1)\n	})\n" + place},
		{File: file, Old: "import (\n", New: "import (\n\t\"runtime/pprof\"\n"},
	}
}

// with returns the build flags for a binary with a bug, or with none.
func with(dir, bug string) ([]string, error) {
	edits, ok := plants()[bug]
	if !ok && bug != "" {
		return nil, fmt.Errorf("-plant %q: one of %s", bug, names())
	}
	overlay, err := plant.Overlay(".", dir, append(window(), edits...))
	if err != nil {
		return nil, fmt.Errorf("-plant %q: %w", bug, err)
	}
	return []string{"-overlay", overlay}, nil
}
