package kafka

import (
	"context"
	"errors"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"
)

var (
	errPending  = errors.New("not acknowledged yet")
	errHeldBack = errors.New("not produced: an earlier record of the batch failed")
)

// produce hands messages to the client, waits until it has an outcome for each
// or ctx ends, and returns those that failed.
//
// The client fails what it holds of a partition, all at once, and is ready for
// the next record of that partition. If that happens while we still hand over,
// the next record of a key would be written though the one before it failed. So
// the first failure stops the handing over and withdraws what slipped in between.
func (w *write) produce(ctx context.Context, cl *kgo.Client, idx []int) (failed []int) {
	pctx, withdraw := context.WithCancel(ctx)
	defer withdraw()
	p := &promises{left: len(idx), errs: make([]error, len(idx)), done: make(chan struct{}), lease: w.lease, withdraw: withdraw}
	p.copies.pool = &w.s.chunks
	w.lease.hold()
	for k := range idx {
		p.errs[k] = errPending
	}
	recs := make([]kgo.Record, len(idx))
	for k, i := range idx {
		if p.stopped() {
			p.settle(k, errHeldBack)
			continue
		}
		// The client keeps what it is given after ctx ended; the caller's memory is
		// not ours by then, so what a record points to is a copy.
		recs[k] = p.copies.record(&w.batch[i])
		cl.Produce(pctx, &recs[k], func(_ *kgo.Record, err error) { p.settle(k, err) })
	}
	p.handedOver()
	select {
	case <-p.done:
	case <-ctx.Done():
	}
	behind := make(map[string]bool)
	for k, err := range p.outcome() {
		key := w.batch[idx[k]].Key
		if err == nil && key != nil && behind[string(key)] {
			err = errHeldBack // it got past all the same: it is written again, in its place
		}
		if w.errs[idx[k]] = err; err == nil {
			continue
		}
		failed = append(failed, idx[k])
		if key != nil {
			behind[string(key)] = true
		}
		if ctx.Err() == nil && !passing(err) {
			w.s.retire(cl)
		}
	}
	return failed
}

// passing reports whether the client itself is sound after err: it was about a
// record, or somebody's context had ended. After anything else the client may be
// stuck with it: it gave up only because repeating would not help.
func passing(err error) bool {
	return suspect(err) || errors.Is(err, errHeldBack) || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}

// promises gathers the outcomes of records.
type promises struct {
	done     chan struct{}
	lease    *lease
	copies   copies
	withdraw context.CancelFunc

	mu     sync.Mutex
	left   int
	errs   []error
	failed bool
	whole  bool // everything was handed over
}

func (p *promises) settle(k int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.errs[k] = err
	if err != nil && !p.failed {
		p.failed = true
		if !p.whole {
			p.withdraw()
		}
	}
	if p.left--; p.left == 0 {
		close(p.done)
		p.copies.free() // the client reads no record after its promise
		p.lease.drop()
	}
}

func (p *promises) stopped() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.failed
}

func (p *promises) handedOver() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.whole = true
}

// outcome returns a copy: what is pending goes on without the caller.
func (p *promises) outcome() []error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]error(nil), p.errs...)
}
