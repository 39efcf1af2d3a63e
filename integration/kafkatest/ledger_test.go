package kafkatest_test

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"testing"

	"github.com/weir-kafka/weir/sink"
)

// ledger is a sink that remembers what had its effect. Every key's values are
// 0, 1, 2 ... in the order of the log.
type ledger struct {
	mu      sync.Mutex
	next    map[string]int // key -> the first number that never came
	effects int
	wrong   []string
	before  func(ctx context.Context, batch []sink.Message) error
}

func newLedger() *ledger { return &ledger{next: map[string]int{}} }

// Write implements sink.Sink.
func (g *ledger) Write(ctx context.Context, batch []sink.Message) error {
	g.mu.Lock()
	before := g.before
	g.mu.Unlock()
	if before != nil {
		if err := before(ctx, batch); err != nil {
			return err
		}
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, m := range batch {
		g.take(string(m.Key), string(m.Value))
	}
	return nil
}

// take notes an effect. A step back is a repetition; a step over is a record that
// was lost or overtaken.
func (g *ledger) take(key, value string) {
	g.effects++
	n, err := strconv.Atoi(value)
	if err != nil {
		g.wrong = append(g.wrong, "not a number: "+value)
		return
	}
	if n > g.next[key] {
		g.wrong = append(g.wrong, fmt.Sprintf("key %s: %d came when %d was next", key, n, g.next[key]))
	}
	g.next[key] = max(g.next[key], n+1)
}

func (g *ledger) setBefore(f func(context.Context, []sink.Message) error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.before = f
}

// of returns how many numbers of a key had their effect.
func (g *ledger) of(key string) int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.next[key]
}

// distinct is how many records had their effect, duplicates how often one had it again.
func (g *ledger) distinct() (n int) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for _, next := range g.next {
		n += next
	}
	return n
}

func (g *ledger) duplicates() int {
	distinct := g.distinct()
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.effects - distinct
}

func (g *ledger) violations() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return append([]string(nil), g.wrong[:min(len(g.wrong), 5)]...)
}

func TestTheLedgerSeesLossDisorderAndRepetition(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		came              []string
		distinct, repeats int
		wrong             int
	}{
		"in order":   {[]string{"0", "1", "2"}, 3, 0, 0},
		"repetition": {[]string{"0", "1", "0", "1", "2"}, 3, 2, 0},
		"lost":       {[]string{"0", "2"}, 3, -1, 1},
		"overtaken":  {[]string{"1", "0"}, 2, 0, 1},
		"unreadable": {[]string{"x"}, 0, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			g := newLedger()
			for _, v := range c.came {
				g.take("k", v)
			}
			if got := len(g.violations()); got != c.wrong {
				t.Errorf("%d violations, want %d", got, c.wrong)
			}
			if g.distinct() != c.distinct || g.duplicates() != c.repeats {
				t.Errorf("%d distinct and %d duplicates, want %d and %d", g.distinct(), g.duplicates(), c.distinct, c.repeats)
			}
		})
	}
}
