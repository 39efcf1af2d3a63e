package bench

import (
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// setup is what both sides have the same.
type setup struct {
	cluster *cluster
	window  *window
	size    fetchSize
	// warm is how many records warm a segment up before it is measured. 0 measures from
	// the first fetch: of a window that comes with a few fetches nearly all has been
	// fetched and unpacked before a part of it is done.
	warm int64
}

// fewFetches is up to how many fetches a window is too small to warm up with.
const fewFetches = 8

// newSetup decides how a segment over w is measured.
func newSetup(c *cluster, w *window, size fetchSize) setup {
	s := setup{cluster: c, window: w, size: size}
	if w.bytes > fewFetches*int64(size.all) {
		s.warm = w.records / 5
	}
	return s
}

// options has the client tell of its first fetch, if that is where measuring starts.
func (s *setup) options(from *start) []kgo.Opt {
	if s.warm > 0 {
		return nil
	}
	return []kgo.Opt{kgo.WithHooks(from)}
}

// start is where the measured part of a segment begins: when it is marked first.
type start struct {
	mu     sync.Mutex
	marked bool
	at     moment
	done   int64 // records that were done before
}

// mark is called when done records are done.
func (s *start) mark(done int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.marked {
		s.marked, s.done, s.at = true, done, look()
	}
}

// until returns the measured part, which ends at end when all records are done.
func (s *start) until(end moment, all int64) sample {
	s.mu.Lock()
	defer s.mu.Unlock()
	return between(s.at, end, all-s.done)
}

const fetchKey = 1 // the key of a Fetch request in the protocol

var _ kgo.HookBrokerWrite = (*start)(nil)

// OnBrokerWrite implements kgo.HookBrokerWrite: the first fetch marks the start.
func (s *start) OnBrokerWrite(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, _ error) {
	if key == fetchKey {
		s.mark(0)
	}
}

// costOf is what a segment needed from begin to end, whose first record came at first and
// whose last was done at last.
func costOf(begin, first, last, end time.Time, records int64) cost {
	streamed := max(last.Sub(first), time.Microsecond)
	return cost{overhead: end.Sub(begin) - streamed, perSec: float64(records) / streamed.Seconds()}
}
