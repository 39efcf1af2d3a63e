package config

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Problem is one thing that is wrong, where, and how to mend it.
type Problem struct {
	File         string // the file, or where else the value came from
	Line, Column int    // 0 when there is no place
	Path         string // of the key: kafka.topics
	Text         string
	Mend         string
}

// String is file:line: path: text; mend.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.File)
	if p.Line > 0 {
		fmt.Fprintf(&b, ":%d", p.Line)
	}
	b.WriteString(": ")
	if p.Path != "" {
		b.WriteString(p.Path + ": ")
	}
	b.WriteString(p.Text)
	if p.Mend != "" {
		b.WriteString("; " + p.Mend)
	}
	return b.String()
}

// Problems is the error of [Load]: everything that is wrong, in the order of the
// file.
type Problems []Problem

// Error is one line a problem.
func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.String()
	}
	return strings.Join(lines, "\n")
}

func (ps Problems) sorted() Problems {
	slices.SortStableFunc(ps, func(a, b Problem) int { return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column)) })
	return ps
}

// Nearest returns the known name that differs least from name, or nothing if
// none is close.
func Nearest(name string, known []string) string {
	best, least := "", len(name)/2+2
	for _, k := range known {
		if d := distance(strings.ToLower(name), strings.ToLower(k)); d < least {
			best, least = k, d
		}
	}
	return best
}

// distance is the number of single letters to insert, delete, replace or swap
// with their neighbour (Damerau-Levenshtein, optimal string alignment).
func distance(a, b string) int {
	if len(a) > 64 || len(b) > 64 {
		return 64
	}
	d := make([][]int, len(a)+1)
	for i := range d {
		d[i] = make([]int, len(b)+1)
		d[i][0] = i
	}
	for j := range d[0] {
		d[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			change := 1
			if a[i-1] == b[j-1] {
				change = 0
			}
			d[i][j] = min(d[i-1][j]+1, d[i][j-1]+1, d[i-1][j-1]+change)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d[i][j] = min(d[i][j], d[i-2][j-2]+1)
			}
		}
	}
	return d[len(a)][len(b)]
}

// mostKnown is how many names a mend lists.
const mostKnown = 16

// hint is the mend for a name that is not known.
func hint(name string, known []string) string {
	slices.Sort(known)
	if name == "" {
		return "name one"
	}
	if n := Nearest(name, known); n != "" {
		return fmt.Sprintf("did you mean %s?", n)
	}
	if len(known) > mostKnown {
		return "see weir docs config"
	}
	return "known are " + strings.Join(known, ", ")
}
