package sink

import (
	"context"
	"fmt"
	"time"
)

// Header is one key and value beside a record or message. Keys may repeat; order is kept.
type Header struct {
	Key   string
	Value []byte
}

// Position says which record a message was made from. It is the same on every
// redelivery, so it can serve as the key of an idempotent write.
type Position struct {
	Topic     string
	Partition int32
	Offset    int64
	// Index tells apart the messages of one record: 0 for the first that the handler emitted.
	Index int32
}

// String returns topic/partition/offset/index, which is unique to a message.
func (p Position) String() string {
	return fmt.Sprintf("%s/%d/%d/%d", p.Topic, p.Partition, p.Offset, p.Index)
}

// Message is what a sink is given.
type Message struct {
	Key, Value []byte
	Headers    []Header
	// Timestamp is that of the record the message was made from.
	Timestamp time.Time
	// Source is set by the engine and is the same on every redelivery.
	Source Position
	// Route names the sink of a pipeline that has several; empty is the default sink.
	Route string
}

// Size returns the bytes of key, value and headers.
func (m *Message) Size() int {
	n := len(m.Key) + len(m.Value)
	for i := range m.Headers {
		n += len(m.Headers[i].Key) + len(m.Headers[i].Value)
	}
	return n
}

// A Sink delivers batches. Write returns nil once every message is durable, a
// [*BatchError] when only some failed, and any other error when all did or when
// it cannot tell; what failed is written again, so an effect may repeat but is
// never missing. What an error means is said by wrapping it: flow.Permanent,
// flow.Overloaded; a plain error is retried.
//
// Write is called from many goroutines at once and returns soon after ctx ends.
// It keeps neither the slice nor the bytes, and changes neither. A batch is
// never empty.
//
// Messages of one key stand in a batch in the order in which they must take
// effect, and two batches that share a key are never written at the same time.
// A sink that reports a [*BatchError] must not have delivered a message that
// follows a failed one of the same key: it reports that one as failed too, with
// [ErrBehindFailed]. A message that is at fault by itself may also fail the whole
// call before anything was delivered: the caller finds it by writing less.
type Sink interface {
	Write(ctx context.Context, batch []Message) error
}

// Func makes a function a [Sink].
type Func func(ctx context.Context, batch []Message) error

// Write calls f.
func (f Func) Write(ctx context.Context, batch []Message) error { return f(ctx, batch) }

// A Pinger is a sink that can tell, without writing, whether the other side is
// there. It is asked before the start and by checks, never on the way of a record.
type Pinger interface {
	Ping(ctx context.Context) error
}

// Limits bounds what a sink takes in one call of Write. Zero means no bound of
// the sink's own. A single message larger than Bytes is still given, alone.
type Limits struct {
	Messages int
	Bytes    int
}

// A Limited sink says how large its batches may be. It is asked once.
type Limited interface {
	Limits() Limits
}
