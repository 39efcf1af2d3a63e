package main

import (
	"fmt"
	"strconv"
	"time"
)

const line = "%-26s %-4s %-8s %-61s %4s %7s  %s"

// heading stands above the rows.
func heading() string {
	return fmt.Sprintf(line, "mutant", "for", "", "by", "seed", "time", "what it does")
}

// row is the line of one mutant.
func row(m *mutant, v verdict) string {
	result, by, seed := "SURVIVED", "-", "-"
	if v.killed {
		result, by = "KILLED", v.by
		if v.seed > 0 {
			seed = strconv.Itoa(v.seed)
		}
	}
	return fmt.Sprintf(line, m.name, m.stands, result, by, seed, v.took.Round(100*time.Millisecond), m.what)
}

// control is the line of the engine as it is.
func control(seeds, tests int, took time.Duration) string {
	found := fmt.Sprintf("nothing in %d seeds and %d tests", seeds, tests)
	return fmt.Sprintf(line, "none", "-", "SURVIVED", found, "-", took.Round(100*time.Millisecond), "the engine as it is")
}

// summary is the last line.
func summary(vs []verdict, took time.Duration) string {
	killed, most := 0, 0
	for _, v := range vs {
		if v.killed {
			killed++
			most = max(most, v.seed)
		}
	}
	return fmt.Sprintf("mutants: %d of %d killed, at most %d seeds, %s", killed, len(vs), most, took.Round(time.Second))
}
