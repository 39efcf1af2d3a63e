package handlers

import (
	"bytes"
	"context"
	"slices"
	"time"

	"github.com/weir-kafka/weir/sink"
)

// Header is one key and value beside a record.
type Header = sink.Header

// Record is what Kafka gave. It is valid until Handle returns; [Record.Clone]
// what you keep. Key, Value and Headers must not be changed in place: to pass
// on something else, copy the struct and set the field.
type Record struct {
	Topic      string
	Partition  int32
	Offset     int64
	Key, Value []byte // nil means absent: a nil value is a tombstone
	Headers    []Header
	Timestamp  time.Time
	// Attempt is 1 the first time a record is handled and one more each time it is retried.
	Attempt int
}

// Clone returns a copy that shares no memory with r.
func (r *Record) Clone() *Record {
	c := *r
	c.Key, c.Value = bytes.Clone(r.Key), bytes.Clone(r.Value)
	c.Headers = slices.Clone(r.Headers)
	for i := range c.Headers {
		c.Headers[i].Value = bytes.Clone(c.Headers[i].Value)
	}
	return &c
}

// Message returns the message that stands for the record as it is. It shares
// the record's memory, which stays valid until the message is acknowledged.
func (r *Record) Message() sink.Message {
	return sink.Message{Key: r.Key, Value: r.Value, Headers: r.Headers, Timestamp: r.Timestamp}
}

// Emit hands one message towards the sink; the engine fills in Source, and
// Timestamp when it is zero. What the message points to must not be changed
// after. Messages of a call that returns an error are discarded. Emit must not
// be called after Handle returned, nor from several goroutines at once.
type Emit func(sink.Message)

// A Handler turns one record into the messages it stands for: none drops it,
// several fan it out. Records of one key arrive one at a time and in order,
// others concurrently, so a handler must be safe for concurrent use. The offset
// is committed only after every emitted message is acknowledged.
//
// An error discards the call's messages and means what flow.Classify says: a
// plain error is retried, flow.Permanent goes to the dead letters, a panic too.
// A handler that returns before its work is done, because ctx ended, returns
// ctx's error.
type Handler interface {
	Handle(ctx context.Context, rec *Record, emit Emit) error
}

// Func makes a function a [Handler].
type Func func(ctx context.Context, rec *Record, emit Emit) error

// Handle calls f.
func (f Func) Handle(ctx context.Context, rec *Record, emit Emit) error { return f(ctx, rec, emit) }

// Middleware wraps a handler: it may change what next is given, call it several
// times or not at all, and change what it emits.
type Middleware func(next Handler) Handler

// Chain returns last behind the middleware: the first one sees a record first.
func Chain(last Handler, mw ...Middleware) Handler {
	for _, m := range slices.Backward(mw) {
		last = m(last)
	}
	return last
}

// Pass is the handler that emits every record as one message.
//
//nolint:gochecknoglobals // a stateless handler, constant in all but syntax
var Pass Handler = Func(func(_ context.Context, rec *Record, emit Emit) error {
	emit(rec.Message())
	return nil
})
