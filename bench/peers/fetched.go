package peers

import (
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// fetched is what answers to fetches came over the wire, whatever became of them.
type fetched struct {
	bytes atomic.Int64
	ahead atomic.Int64 // records that the client has for the next poll
}

var _ kgo.HookBrokerRead = (*fetched)(nil)

// OnBrokerRead implements kgo.HookBrokerRead.
func (f *fetched) OnBrokerRead(_ kgo.BrokerMetadata, key int16, read int, _, _ time.Duration, _ error) {
	if key == int16(kmsg.Fetch) {
		f.bytes.Add(int64(read))
	}
}

// fetchedAhead counts what the client has fetched and not given out yet, too.
type fetchedAhead struct{ *fetched }

var (
	_ kgo.HookFetchRecordBuffered   = (*fetchedAhead)(nil)
	_ kgo.HookFetchRecordUnbuffered = (*fetchedAhead)(nil)
)

// OnFetchRecordBuffered implements kgo.HookFetchRecordBuffered.
func (a *fetchedAhead) OnFetchRecordBuffered(*kgo.Record) { a.ahead.Add(1) }

// OnFetchRecordUnbuffered implements kgo.HookFetchRecordUnbuffered.
func (a *fetchedAhead) OnFetchRecordUnbuffered(*kgo.Record, bool) { a.ahead.Add(-1) }
