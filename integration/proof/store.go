package proof

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"sync"
	"time"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/integration/ledger"
	"github.com/weir-kafka/weir/sink"
)

// deafTime is how long a call takes that heeds nothing.
const deafTime = 7 * time.Second

// mode is how a store behaves.
type mode string

// The modes of a store.
const (
	fine     mode = ""
	slowly   mode = "is slow"
	hangs    mode = "hangs"
	refuses  mode = "refuses"
	asks     mode = "asks to be left alone" // Retry-After
	partly   mode = "takes a part of a batch"
	silent   mode = "takes it and says otherwise" // the outcome is unknown
	resets   mode = "ends in the middle of a batch"
	deaf     mode = "returns after its time"
	paniking mode = "panics"
)

func modes() []mode {
	return []mode{slowly, hangs, refuses, asks, partly, silent, resets, deaf, paniking}
}

// store is the outside system that every member writes to.
type store struct {
	ordered string
	letters bool
	takes   int // milliseconds of a call at most

	mu      sync.Mutex
	rnd     *rand.Rand
	mode    mode
	until   time.Time
	blamed  map[sink.Position]int // how often a message was refused without being at fault
	calls   map[mode]int64
	changed chan struct{} // closed when what hangs is to go on
}

func newStore(s *scenario, letters bool) *store {
	n := uint64(3)
	if letters {
		n = 4
	}
	return &store{
		ordered: s.ordered(), letters: letters, takes: s.takes, rnd: rand.New(rand.NewPCG(s.seed, n)), //nolint:gosec // a seed is to give the same again
		blamed: map[sink.Position]int{}, calls: map[mode]int64{}, changed: make(chan struct{}),
	}
}

func (s *store) behave(m mode, lasts time.Duration) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mode, s.until = m, time.Now().Add(lasts)
	close(s.changed)
	s.changed = make(chan struct{})
}

// now is the mode of a call, and how long it takes.
func (s *store) now() (m mode, takes time.Duration, changed chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m = s.mode; !time.Now().Before(s.until) {
		m = fine
	}
	if m != fine && m != hangs && m != asks && m != slowly && s.rnd.IntN(3) == 0 {
		m = fine // it is not always so
	}
	s.calls[m]++
	takes = time.Duration(1+s.rnd.IntN(s.takes)) * time.Millisecond
	if m == slowly {
		takes = time.Duration(50+s.rnd.IntN(1500)) * time.Millisecond
	}
	return m, takes, s.changed
}

// way is one member's way to a store.
type way struct {
	*store
	effects *ledger.Sink
	limit   int
}

// Limits implements sink.Limited.
func (w *way) Limits() sink.Limits { return sink.Limits{Messages: w.limit} }

var (
	errDown  = errors.New("down")
	errReset = errors.New("connection reset")
	errFault = errors.New("no store takes this")
	errBusy  = errors.New("busy")
)

// Write implements sink.Sink.
func (w *way) Write(ctx context.Context, batch []sink.Message) error {
	call := w.effects.Begin(batch)
	m, takes, changed := w.now()
	switch m {
	case hangs:
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-changed:
		}
	case deaf:
		time.Sleep(deafTime)
	default:
		wait(ctx, takes)
	}
	if m != fine && m != slowly && m != deaf && m != hangs {
		if err, done := w.astray(ctx, m, batch, call); done {
			return err
		}
	}
	return w.honest(ctx, m, batch, call)
}

func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}

// astray answers as m says. A message may be blamed twice for what it is not at
// fault of, and no more: it would become a dead letter, and rightly so.
func (w *way) astray(ctx context.Context, m mode, batch []sink.Message, call ledger.Call) (answer error, done bool) {
	switch m {
	case asks:
		return flow.Overloaded(errBusy, time.Duration(1+w.die(3))*time.Second), true
	case partly:
		return w.some(ctx, batch, call), true
	case refuses, resets, silent, paniking:
		if !w.blame(batch) {
			return flow.Overloaded(errBusy, 0), true
		}
	default:
	}
	switch m {
	case refuses:
		return errDown, true
	case paniking:
		if len(batch) == 1 { // a panic is the fault of what it is given
			return nil, false
		}
		panic("the driver has a bug")
	case resets:
		n := w.die(len(batch) + 1)
		for i := range n { // what is at fault ends it
			if w.fault(&batch[i]) != nil {
				n = i
				break
			}
		}
		return call.End(ctx, func(i int) bool { return i < n }, errReset), true
	case silent:
		if err := w.first(batch); err != nil {
			return err, true
		}
		return call.End(ctx, nil, errReset), true
	default:
		return nil, false
	}
}

// honest takes everything, or names what it does not take.
func (w *way) honest(ctx context.Context, m mode, batch []sink.Message, call ledger.Call) error {
	if w.first(batch) == nil {
		return call.End(ctx, nil, nil)
	}
	if m == fine && w.die(2) == 0 {
		return w.some(ctx, batch, call)
	}
	return w.first(batch)
}

// first is the first reason why not all of a batch is taken.
func (w *way) first(batch []sink.Message) error {
	for i := range batch {
		if err := w.fault(&batch[i]); err != nil {
			return err
		}
	}
	return nil
}

// fault is why a message is not taken, ever.
func (w *way) fault(m *sink.Message) error {
	if w.letters {
		return nil
	}
	switch classOf(m.Value) {
	case unwritable:
		return flow.Permanent(errFault)
	case fails:
		return errFault
	default:
		return nil
	}
}

// some takes what is not at fault, and not all of that; behind what it does not
// take nothing of the same key is taken.
func (w *way) some(ctx context.Context, batch []sink.Message, call ledger.Call) error {
	var be sink.BatchError
	left := make([]bool, len(batch))
	behind := map[string]bool{}
	for i := range batch {
		key := string(batch[i].Key)
		if w.ordered == "partition" {
			key = strconv.Itoa(int(batch[i].Source.Partition))
		}
		err := w.fault(&batch[i])
		switch {
		case key != "" && behind[key]:
			err = sink.ErrBehindFailed
		case err == nil && w.die(6) == 0:
			err = flow.Overloaded(errBusy, 0)
		}
		if err != nil {
			left[i] = true
			behind[key] = true
			be.Add(i, err)
		}
	}
	return call.End(ctx, func(i int) bool { return !left[i] }, be.Err())
}

func (w *way) die(n int) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.rnd.IntN(n)
}

// blame reports whether every message of a batch may be blamed once more.
func (w *way) blame(batch []sink.Message) bool {
	if w.letters {
		return true
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for i := range batch {
		if w.blamed[batch[i].Source] >= 2 {
			return false
		}
	}
	for i := range batch {
		w.blamed[batch[i].Source]++
	}
	return true
}
