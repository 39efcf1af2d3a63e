package main

import (
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"testing"
)

func TestEveryBugCanBePlanted(t *testing.T) {
	t.Parallel()
	for name, p := range plants() {
		src, err := os.ReadFile(filepath.Join("../..", p.file))
		if err != nil {
			t.Fatal(err)
		}
		text, err := p.apply(string(src))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, err := parser.ParseFile(token.NewFileSet(), p.file, text, 0); err != nil || text == string(src) {
			t.Errorf("%s: got %v, want another program", name, err)
		}
	}
}
