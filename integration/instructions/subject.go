package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// subject is what is counted: a benchmark of a package, or a course of the consumer.
type subject struct {
	name   string
	pkg    string
	bench  string // a benchmark that runs as often as it is told
	course string // or what consumes so many records
	n      int
	minus  []string // other subjects, whose counts are no part of this one
	silent bool     // it is there for others to be less of
}

func subjects() []subject {
	const records = 200_000
	run := func(name, course string, minus ...string) subject {
		return subject{name: name, pkg: "consumer", course: course, n: records, minus: minus}
	}
	lab := run("laboratory", "none")
	lab.silent = true
	return []subject{
		{name: "lane push, take, release", pkg: "consumer/internal/lane", bench: "BenchmarkScheduler/keys=100000", n: 1 << 18},
		{name: "tracker push, done", pkg: "consumer/internal/offset", bench: "BenchmarkTracker/lag=4096", n: 1 << 18},
		{name: "limiter acquire, done", pkg: "flow", bench: "BenchmarkLimiter", n: 1 << 18},
		lab,
		run("raw client", "raw", lab.name),
		run("partition order over raw", "partition", "raw client", lab.name),
		run("key order over raw", "key", "raw client", lab.name),
	}
}

// counts are instructions a record, by subject.
type counts map[string]float64

// count counts s and notes the median of the runs, and returns how far apart they were.
func (s *subject) count(ctx context.Context, dir string, runs int, all counts) (spread float64, err error) {
	binary := filepath.Join(dir, strings.ReplaceAll(s.pkg, "/", "-"))
	if _, err := os.Stat(binary); err != nil {
		build := exec.CommandContext(ctx, "go", "test", "-c", "-tags", "synctests", "-o", binary, "./"+s.pkg)
		build.Stderr = os.Stderr
		if err := build.Run(); err != nil {
			return 0, fmt.Errorf("building its test: %w", err)
		}
	}
	var each []float64
	for range runs {
		var of [2]float64
		for i := range of {
			if of[i], err = s.execute(ctx, binary, (i+1)*s.n); err != nil {
				return 0, err
			}
		}
		one := (of[1] - of[0]) / float64(s.n)
		for _, other := range s.minus {
			one -= all[other]
		}
		each = append(each, one)
	}
	slices.Sort(each)
	all[s.name] = each[len(each)/2]
	return (each[len(each)-1] - each[0]) / all[s.name], nil
}

// total is the line of cachegrind that says what was executed.
var total = regexp.MustCompile(`I\s+refs:\s+([0-9,]+)`)

// execute returns how many instructions binary executes for so many records. It runs on
// one processor and collects no garbage, so that it does the same each time.
func (s *subject) execute(ctx context.Context, binary string, n int) (float64, error) {
	args := []string{"--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null", binary}
	env := append(os.Environ(), "GOMAXPROCS=1", "GOGC=off")
	if s.bench != "" {
		args = append(args, "-test.run=^$", "-test.bench=^"+strings.ReplaceAll(s.bench, "/", "$/^")+"$", fmt.Sprintf("-test.benchtime=%dx", n))
	} else {
		args = append(args, "-test.run=^TestACourseTakesEveryRecord$/^"+s.course+"$")
		env = append(env, fmt.Sprintf("WEIR_RECORDS=%d", n))
	}
	cmd := exec.CommandContext(ctx, "valgrind", args...)
	cmd.Dir, cmd.Env = s.pkg, env
	out, err := cmd.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("%w: %s", err, out)
	}
	m := total.FindSubmatch(out)
	if m == nil || !strings.Contains(string(out), "PASS") {
		return 0, fmt.Errorf("valgrind counted nothing: %s", out)
	}
	return strconv.ParseFloat(strings.ReplaceAll(string(m[1]), ",", ""), 64)
}
