// Package plant makes programs with a bug in them, to see that it is found: the
// sources stay as they are, and the go command reads others in their place.
package plant

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// Edit is one place of a source.
type Edit struct {
	File string // below the root of the module
	Old  string // stands there exactly once
	New  string
}

// apply returns source with e made. A place that is not there, or is there twice,
// is an error: what plants nothing proves nothing.
func (e Edit) apply(source string) (string, error) {
	if n := strings.Count(source, e.Old); n != 1 {
		return "", fmt.Errorf("%s: the text to replace is there %d times, want once:\n%s", e.File, n, e.Old)
	}
	return strings.Replace(source, e.Old, e.New, 1), nil
}

// Files returns the files that edits change, as they are with them, by their names
// below root.
func Files(root string, edits []Edit) (map[string]string, error) {
	files := map[string]string{}
	for _, e := range edits {
		source, ok := files[e.File]
		if !ok {
			b, err := os.ReadFile(filepath.Join(root, e.File))
			if err != nil {
				return nil, fmt.Errorf("a bug is planted in the sources, below the root of the module: %w", err)
			}
			source = string(b)
		}
		changed, err := e.apply(source)
		if err != nil {
			return nil, err
		}
		files[e.File] = changed
	}
	return files, nil
}

// Overlay writes the files that edits change into dir, and the file for the flag
// -overlay that tells the go command to read them instead. It returns the latter.
func Overlay(root, dir string, edits []Edit) (string, error) {
	files, err := Files(root, edits)
	if err != nil {
		return "", err
	}
	if root, err = filepath.Abs(root); err != nil {
		return "", err
	}
	replace := map[string]string{}
	for name, source := range files {
		to := filepath.Join(dir, strings.ReplaceAll(name, "/", "_"))
		if err := os.WriteFile(to, []byte(source), 0o600); err != nil {
			return "", err
		}
		replace[filepath.Join(root, name)] = to
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", err
	}
	to := filepath.Join(dir, "overlay.json")
	return to, os.WriteFile(to, b, 0o600)
}
