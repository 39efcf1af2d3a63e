package main

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// verdict is what became of a mutant.
type verdict struct {
	killed bool
	by     string // the checker's classes, or a test
	seed   int    // with which it showed; 0 for a test, and where no seed is named
	took   time.Duration
}

// exit is how a child ended.
type exit struct {
	output string
	failed bool // it ended by itself, and not well
	ended  bool // false when it was ended: it took too long, or too much memory
}

// failing is the line of the proof that says which seed failed, and with what.
var failing = regexp.MustCompile(`(?m)^seed (\d+) fails map\[([^\]]*)\]`)

const (
	noEnd    = "stuck: no end"
	deadlock = "stuck: deadlock"
	panicked = "panic"
)

// errUnread is an end that says nothing about the engine.
var errUnread = errors.New("this end can not be read")

// ofProof reads how a run of the proof ended whose last seed was to.
func ofProof(e exit, to int) (verdict, error) {
	if m := failing.FindStringSubmatch(e.output); m != nil {
		seed, err := strconv.Atoi(m[1])
		return verdict{killed: true, by: classes(m[2]), seed: seed}, err
	}
	switch {
	case !e.ended:
		return verdict{killed: true, by: noEnd, seed: to}, nil
	case !e.failed, strings.Contains(e.output, " seeds are undecided, want "):
		return verdict{}, nil
	case strings.Contains(e.output, "deadlock: "):
		return verdict{killed: true, by: deadlock}, nil
	case strings.Contains(e.output, "panic: "):
		return verdict{killed: true, by: panicked}, nil
	}
	return verdict{}, fmt.Errorf("%w:\n%s", errUnread, tail(e.output))
}

// ofTest reads how a run of one test ended.
func ofTest(e exit, name string) (verdict, error) {
	switch {
	case !e.ended:
		return verdict{killed: true, by: name + ": no end"}, nil
	case strings.Contains(e.output, "--- FAIL: "+name), e.failed && strings.Contains(e.output, "panic: "):
		return verdict{killed: true, by: name}, nil
	case e.failed || !strings.Contains(e.output, "--- PASS: "+name):
		return verdict{}, fmt.Errorf("%w:\n%s", errUnread, tail(e.output))
	}
	return verdict{}, nil
}

// classes are the names in a printed map of classes, those with most anomalies first.
func classes(printed string) string {
	type class struct {
		name string
		n    int
	}
	var all []class
	for _, s := range strings.Fields(printed) {
		name, n, _ := strings.Cut(s, ":")
		c := class{name: name}
		c.n, _ = strconv.Atoi(n)
		all = append(all, c)
	}
	slices.SortStableFunc(all, func(a, b class) int { return b.n - a.n })
	names := make([]string, len(all))
	for i := range all {
		names[i] = all[i].name
	}
	return strings.Join(names, ", ")
}

// tail is the end of an output.
func tail(s string) string { return s[max(len(s)-2000, 0):] }
