package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// mutant is one bug to be planted.
type mutant struct {
	name   string
	stands string // for which invariant or failure
	what   string
	edits  []edit
	by     test // must fail; without one the proof must
}

// edit is one place of the engine's source.
type edit struct {
	file string // below the root of the module
	old  string // stands there exactly once
	new  string
}

// test is one test of a package.
type test struct{ pkg, name string }

// apply returns source with e made. A place that is not there, or is there twice,
// is an error: a mutant that plants nothing would prove nothing.
func (e edit) apply(source string) (string, error) {
	if n := strings.Count(source, e.old); n != 1 {
		return "", fmt.Errorf("%s: the text to replace is there %d times, want once:\n%s", e.file, n, e.old)
	}
	return strings.Replace(source, e.old, e.new, 1), nil
}

// mutated returns the files that m changes, as they are with it.
func (m *mutant) mutated(root string) (map[string]string, error) {
	files := map[string]string{}
	for _, e := range m.edits {
		source, ok := files[e.file]
		if !ok {
			b, err := os.ReadFile(filepath.Join(root, e.file))
			if err != nil {
				return nil, fmt.Errorf("mutant %s: %w", m.name, err)
			}
			source = string(b)
		}
		changed, err := e.apply(source)
		if err != nil {
			return nil, fmt.Errorf("mutant %s: %w", m.name, err)
		}
		files[e.file] = changed
	}
	return files, nil
}

// overlay writes the files that m changes into dir, and the file that tells the go
// command to read them instead.
func (m *mutant) overlay(root, dir string) (string, error) {
	files, err := m.mutated(root)
	if err != nil {
		return "", err
	}
	replace := map[string]string{}
	for name, source := range files {
		to := filepath.Join(dir, strings.ReplaceAll(name, "/", "_"))
		if err := os.WriteFile(to, []byte(source), 0o600); err != nil {
			return "", fmt.Errorf("mutant %s: %w", m.name, err)
		}
		replace[filepath.Join(root, name)] = to
	}
	b, err := json.Marshal(map[string]any{"Replace": replace})
	if err != nil {
		return "", fmt.Errorf("mutant %s: %w", m.name, err)
	}
	to := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(to, b, 0o600); err != nil {
		return "", fmt.Errorf("mutant %s: %w", m.name, err)
	}
	return to, nil
}

// mutants are all there are.
func mutants() []mutant {
	return slices.Concat(ofCommits(), ofHandovers(), ofRecords(), ofSinks(), ofPressure())
}

// choose returns those that names names, with commas between them; all without one.
func choose(all []mutant, names string) (chosen []mutant, err error) {
	if names == "" {
		return all, nil
	}
	for name := range strings.SplitSeq(names, ",") {
		i := slices.IndexFunc(all, func(m mutant) bool { return m.name == name })
		if i < 0 {
			return nil, fmt.Errorf("no mutant is named %q", name)
		}
		chosen = append(chosen, all[i])
	}
	return chosen, nil
}
