package sinktest

import (
	"bytes"
	"context"
	"slices"
	"sync"
	"time"

	"github.com/weir-kafka/weir/sink"
)

// Memory keeps a copy of every message, in the order in which it was written.
// The zero value is ready.
type Memory struct {
	mu   sync.Mutex
	msgs []sink.Message
}

// Write keeps the batch.
func (m *Memory) Write(ctx context.Context, batch []sink.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, msg := range batch {
		msg.Key, msg.Value, msg.Headers = bytes.Clone(msg.Key), bytes.Clone(msg.Value), slices.Clone(msg.Headers)
		for i := range msg.Headers {
			msg.Headers[i].Value = bytes.Clone(msg.Headers[i].Value)
		}
		m.msgs = append(m.msgs, msg)
	}
	return nil
}

// Messages returns what was written so far.
func (m *Memory) Messages() []sink.Message {
	m.mu.Lock()
	defer m.mu.Unlock()
	return slices.Clone(m.msgs)
}

// Values returns the values of what was written so far.
func (m *Memory) Values() []string {
	var vs []string
	for _, msg := range m.Messages() {
		vs = append(vs, string(msg.Value))
	}
	return vs
}

// Slow is next after a delay, which ends early with the context.
func Slow(next sink.Sink, delay time.Duration) sink.Sink {
	return sink.Func(func(ctx context.Context, batch []sink.Message) error {
		timer := time.NewTimer(delay)
		defer timer.Stop()
		select {
		case <-timer.C:
			return next.Write(ctx, batch)
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}

// Faulty asks fault before each write and returns its error instead, if it is
// not nil. The batch reaches next only without one.
func Faulty(next sink.Sink, fault func(ctx context.Context, batch []sink.Message) error) sink.Sink {
	return sink.Func(func(ctx context.Context, batch []sink.Message) error {
		if err := fault(ctx, batch); err != nil {
			return err
		}
		return next.Write(ctx, batch)
	})
}

// Partial asks fault for each message and writes those without an error to next;
// the others are reported by a [*sink.BatchError], with those that follow them
// in their key.
func Partial(next sink.Sink, fault func(m *sink.Message) error) sink.Sink {
	return sink.Func(func(ctx context.Context, batch []sink.Message) error {
		var be sink.BatchError
		var good []sink.Message
		var at []int // index in batch of each good one
		bad := make(map[string]bool)
		for i := range batch {
			m := &batch[i]
			err := fault(m)
			switch {
			case m.Key != nil && bad[string(m.Key)]:
				be.Add(i, sink.ErrBehindFailed)
			case err != nil:
				be.Add(i, err)
				bad[string(m.Key)] = true
			default:
				good, at = append(good, *m), append(at, i)
			}
		}
		if len(good) == 0 {
			return be.Err()
		}
		err := next.Write(ctx, good)
		if inner, partial := sink.AsBatchError(err); partial {
			for _, f := range inner.Failed() {
				be.Add(at[f.Index], f.Err)
			}
		} else if err != nil {
			return err
		}
		return be.Err()
	})
}
