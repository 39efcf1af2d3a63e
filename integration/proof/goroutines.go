package proof

import (
	"bytes"
	"context"
	"fmt"
	"runtime/pprof"
	"strconv"
	"strings"
)

// label marks every goroutine that f starts, and those that they start.
func (m *member) label(ctx context.Context, f func(context.Context)) {
	pprof.Do(ctx, pprof.Labels("member", m.name()), f)
}

// name is the member among those of all trials in the process.
func (m *member) name() string { return fmt.Sprintf("%d/%d", m.s.seed, m.n) }

// left is how many goroutines of the member there are.
func (m *member) left() (n int) {
	var b bytes.Buffer
	_ = pprof.Lookup("goroutine").WriteTo(&b, 1) // to memory
	mark := []byte(fmt.Sprintf("# labels: {\"member\":%q}", m.name()))
	// Every stack is a line with the number of its goroutines, and perhaps one with
	// their labels.
	var count int
	for line := range bytes.Lines(b.Bytes()) {
		if before, _, ok := strings.Cut(string(line), " @ "); ok {
			count, _ = strconv.Atoi(before)
		} else if bytes.HasPrefix(line, mark) {
			n += count
		}
	}
	return n
}
