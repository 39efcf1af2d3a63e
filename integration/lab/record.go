package lab

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/integration/ledger"
)

// SlowKey is a key whose records the service of a trial may take longer for.
const SlowKey = keyName + "7"

const keyName = "customer-"

// Records says what is written.
type Records struct {
	Keys int
	// Poison is how many records of a key there are to one that the service refuses
	// for good and one that the handler can not read.
	Poison int
	// Pad is how many bytes of no use each has.
	Pad int
}

// at is where a record stands: everything about it follows from that.
type at struct {
	Key       string `json:"key"`
	N         int    `json:"n"` // in its key
	Partition int32  `json:"partition"`
	Offset    int64  `json:"offset"`
}

// turn is different from key to key: what can not be processed stands among what
// can.
func (r Records) turn(a at) int {
	key, _ := strconv.Atoi(strings.TrimPrefix(a.Key, keyName))
	return (a.N + 7*key) % r.Poison
}

func (r Records) poison(a at) bool { return r.turn(a) == 7 }
func (r Records) broken(a at) bool { return r.turn(a) == 11 }

// value is the value of a record. Blanks and a field that the handler takes away
// tell its bytes from what is made of it.
func (r Records) value(a at) []byte {
	if r.broken(a) {
		return fmt.Appendf(nil, "\x00\xff%s %d %d/%d\xfe", a.Key, a.N, a.Partition, a.Offset)
	}
	return fmt.Appendf(nil, `{ "key": %q,  "n": %d, "partition": %d, "offset": %d, "poison": %t, "more": %q }`,
		a.Key, a.N, a.Partition, a.Offset, r.poison(a), strings.Repeat("x", r.Pad))
}

func (r Records) hash(a at) uint64 { return ledger.Hash([]byte(a.Key), r.value(a)) }

// noted is the record in the ledger.
func (r Records) noted(a at) ledger.Record {
	return ledger.Record{
		Partition: ledger.Partition{Topic: Topic, Partition: a.Partition}, Offset: a.Offset,
		Key: a.Key, Hash: r.hash(a), Poison: r.poison(a) || r.broken(a),
	}
}

// neighbours is how many keys in a row have the same partition: what is written at
// once is to come in batches.
const neighbours = 5

// place gives the ith record of all its place. A key has a partition, and nobody
// else writes, so that the offset is known before the record is written.
func (r Records) place(i int, ends []int64) at {
	key := i % r.Keys
	p := key / neighbours % len(ends)
	a := at{Key: keyName + strconv.Itoa(key), N: i / r.Keys, Partition: int32(p), Offset: ends[p]} //nolint:gosec // few
	ends[p]++
	return a
}

func (r Records) record(a at) *kgo.Record {
	return &kgo.Record{Topic: Topic, Partition: a.Partition, Key: []byte(a.Key), Value: r.value(a)}
}
