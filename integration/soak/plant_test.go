package main

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"testing"

	"github.com/weir-kafka/weir/integration/plant"
)

func TestEveryBugCanBePlanted(t *testing.T) {
	t.Parallel()
	all := plants()
	all["window"] = window()
	for name, edits := range all {
		files, err := plant.Files("../..", edits)
		if err != nil || len(files) == 0 {
			t.Errorf("%s: %d files changed, %v, want one", name, len(files), err)
		}
		for file, text := range files {
			src, err := os.ReadFile(filepath.Join("../..", file))
			if err != nil {
				t.Fatal(err)
			}
			if _, err := parser.ParseFile(token.NewFileSet(), file, text, 0); err != nil || text == string(src) {
				t.Errorf("%s: got %v, want another program", name, err)
			}
		}
	}
}
