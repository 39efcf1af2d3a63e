package peers

import (
	"encoding/binary"
	"sync/atomic"

	"github.com/twmb/franz-go/pkg/kgo"
)

// NewKeys gives each record a key of its own as it leaves the client: a canned batch
// repeats its keys, and a broker that keeps ten million records would be measured
// instead. The first Repeating records share 10,000 keys.
type NewKeys struct {
	Repeating int64
	seen      atomic.Int64
}

var _ kgo.HookFetchRecordBuffered = (*NewKeys)(nil)

const repeatingKeys = 10_000

// OnFetchRecordBuffered implements [kgo.HookFetchRecordBuffered]. The key is written over
// in place, in the copy that the client made of the fetch.
func (k *NewKeys) OnFetchRecordBuffered(r *kgo.Record) {
	n := k.seen.Add(1)
	if n <= k.Repeating {
		n %= repeatingKeys
	}
	if len(r.Key) < 8 {
		r.Key = make([]byte, 8)
	}
	binary.BigEndian.PutUint64(r.Key, uint64(n))
}
