package lab

import (
	"bufio"
	"context"
	"io"
	"strconv"
	"strings"
)

// GoroutinePath is where a binary that was built to be looked into lists its
// goroutines, as runtime/pprof does with debug=1.
const GoroutinePath = "/goroutines"

// Goroutines is how many goroutines the process has, by the function that each was
// started with. It is an error of a binary without [GoroutinePath].
func (m *Member) Goroutines(ctx context.Context) (of map[string]int, err error) {
	err = m.get(ctx, GoroutinePath, func(b io.Reader) error {
		of, err = byStart(b)
		return err
	})
	return of, err
}

// byStart reads a profile: groups of "n @ addresses" and a line for each frame, the
// outermost last.
func byStart(b io.Reader) (map[string]int, error) {
	of := map[string]int{}
	n, name := 0, ""
	end := func() {
		if n > 0 {
			of[name] += n
		}
		n, name = 0, ""
	}
	s := bufio.NewScanner(b)
	s.Buffer(nil, 1<<20) // a deep stack has a long line of addresses
	for s.Scan() {
		line := s.Text()
		if count, _, ok := strings.Cut(line, " @ "); ok {
			end()
			n, _ = strconv.Atoi(count)
		} else if f := strings.Split(line, "\t"); len(f) > 2 && f[0] == "#" {
			name = f[2]
			if i := strings.LastIndexByte(name, '+'); i > 0 {
				name = name[:i]
			}
		}
	}
	end()
	return of, s.Err()
}
