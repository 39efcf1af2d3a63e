package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/sink"
)

// write is one call of Write: what became of each message.
type write struct {
	s     *Sink
	batch []sink.Message
	errs  []error // nil is delivered
	lease *lease

	bad  map[string]bool // keys with a message that will not be delivered
	stop error           // of the whole sink: nothing more is tried
}

// Write produces the batch and waits until every replica in sync has all of it.
//
// When a broker refuses a record batch, the client fails everything that it
// holds for that partition, of this and of other writes. Who is to blame is then
// found by writing less and less with nothing else in the client, so a record
// is rejected only if it was refused alone.
func (s *Sink) Write(ctx context.Context, batch []sink.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	w := &write{s: s, batch: batch, errs: make([]error, len(batch)), bad: make(map[string]bool)}
	all := make([]int, len(batch))
	for i := range all {
		all[i] = i
	}
	if s.isSpent() || w.doubtful(all) {
		w.alone(ctx, all)
		return w.err()
	}
	failed, err := w.together(ctx, all)
	switch {
	case err != nil:
		return err
	case ctx.Err() == nil && w.suspects(failed):
		w.alone(ctx, failed)
	default:
		w.give(ctx, failed)
	}
	return w.err()
}

// together writes beside other writes and returns what failed.
func (w *write) together(ctx context.Context, idx []int) ([]int, error) {
	weight := 0
	for _, i := range idx {
		weight += w.batch[i].Size() + recordOverhead
	}
	if err := w.reserve(ctx, weight); err != nil {
		return nil, err
	}
	defer w.lease.drop()
	cl, err := w.s.connect()
	if err != nil {
		return nil, err
	}
	return w.produce(ctx, cl, idx), nil
}

// alone writes with nothing else in the client.
func (w *write) alone(ctx context.Context, idx []int) {
	if w.stop = w.reserve(ctx, w.s.room.Capacity()); w.stop != nil {
		w.sift(ctx, nil, idx)
		return
	}
	defer w.lease.drop()
	w.s.replaceSpent()
	var cl *kgo.Client
	cl, w.stop = w.s.connect()
	w.sift(ctx, cl, idx)
}

func (w *write) reserve(ctx context.Context, weight int) error {
	if err := w.s.room.Acquire(ctx, weight); err != nil {
		return fmt.Errorf("kafka: produce to %s: waiting for room in the client: %w", w.s.cfg.Topic, err)
	}
	w.lease = &lease{room: w.s.room, weight: weight}
	w.lease.hold()
	return nil
}

// sift writes messages and, if some are refused, halves of what failed, until
// each one at fault has been refused alone. Halves go one after the other, and
// what follows a rejected message of its key is not written.
func (w *write) sift(ctx context.Context, cl *kgo.Client, idx []int) {
	idx = w.allowed(idx)
	if len(idx) == 0 {
		return
	}
	failed := idx
	if len(idx) == 1 || !w.doubtful(idx) {
		failed = w.produce(ctx, cl, idx)
		switch {
		case len(failed) == 0:
			return
		case ctx.Err() != nil || !w.suspects(failed):
			w.give(ctx, failed)
			w.stop = w.errs[failed[0]]
			return
		case len(idx) == 1:
			w.reject(idx[0])
			return
		}
	}
	half := (len(failed) + 1) / 2
	w.sift(ctx, cl, failed[:half])
	w.sift(ctx, cl, failed[half:])
}

// allowed leaves out what may not be written any more.
func (w *write) allowed(idx []int) []int {
	var ok []int
	for _, i := range idx {
		m := &w.batch[i]
		switch {
		case w.stop != nil:
			w.errs[i] = w.stop
		case m.Key != nil && w.bad[string(m.Key)]:
			w.errs[i] = sink.ErrBehindFailed
		default:
			ok = append(ok, i)
		}
	}
	return ok
}

// doubtful reports whether a message may be larger than a record batch. The
// client fails such a one by itself and goes on with the next of its key, so it
// is not handed over together with others.
func (w *write) doubtful(idx []int) bool {
	const frame, header = 128, 16 // at most, of a record batch with one record and of a header
	for _, i := range idx {
		m := &w.batch[i]
		if m.Size()+frame+header*len(m.Headers) > recordBatchMost {
			return true
		}
	}
	return false
}

// suspects reports whether something was refused for what it holds.
func (w *write) suspects(idx []int) bool {
	for _, i := range idx {
		if suspect(w.errs[i]) {
			return true
		}
	}
	return false
}

func suspect(err error) bool {
	for _, blame := range []error{
		kerr.MessageTooLarge, kerr.RecordListTooLarge, kerr.InvalidRecord, kerr.InvalidTimestamp, kerr.CorruptMessage,
	} {
		if errors.Is(err, blame) {
			return true
		}
	}
	return false
}

// reject marks a message that was refused alone. A checksum that does not match
// is the way's fault, so that one is tried again.
func (w *write) reject(i int) {
	err := fmt.Errorf("kafka: produce to %s: %w", w.s.cfg.Topic, w.errs[i])
	if !errors.Is(err, kerr.CorruptMessage) {
		err = flow.Permanent(err)
	}
	w.errs[i], w.bad[string(w.batch[i].Key)] = err, true
}

// give says what failures mean that are nobody's fault: the write's own context
// ended, or the sink is not there for any record, which is never held against one.
func (w *write) give(ctx context.Context, idx []int) {
	for _, i := range idx {
		err := w.errs[i]
		if ctx.Err() != nil {
			w.errs[i] = fmt.Errorf("kafka: produce to %s: outcome unknown: %w", w.s.cfg.Topic, ctx.Err())
			continue
		}
		w.errs[i] = flow.Overloaded(fmt.Errorf("kafka: produce to %s: %w", w.s.cfg.Topic, err), 0)
	}
}

// err says which messages failed, or why all did.
func (w *write) err() error {
	var be sink.BatchError
	for i, err := range w.errs {
		be.Add(i, err)
	}
	if len(be.Failed()) == len(w.batch) && len(w.bad) == 0 {
		return be.Failed()[0].Err
	}
	return be.Err()
}

// lease is room that several may hold; the last one gives it back.
type lease struct {
	room   *flow.Semaphore
	weight int
	left   atomic.Int64
}

func (l *lease) hold() { l.left.Add(1) }

func (l *lease) drop() {
	if l.left.Add(-1) == 0 {
		l.room.Release(l.weight)
	}
}
