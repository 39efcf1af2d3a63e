package kafka

import (
	"bytes"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/sink"
)

// chunkBytes is small beside a write, so that little of a chunk is left empty; of what
// is larger than a fourth of it, too much would be.
const chunkBytes = 64 << 10

type chunk [chunkBytes]byte

// copies is the keys and values of one write, in chunks of memory that are used again:
// a fresh piece for each record is a sixth of what a record costs.
type copies struct {
	pool *sync.Pool
	used []*chunk
	left []byte // of the last chunk
}

// free gives the memory back. Nobody may read a record that was made of it.
func (c *copies) free() {
	for _, k := range c.used {
		c.pool.Put(k)
	}
	c.used, c.left = nil, nil
}

// record copies m.
func (c *copies) record(m *sink.Message) kgo.Record {
	r := kgo.Record{Timestamp: m.Timestamp, Key: c.clone(m.Key), Value: c.clone(m.Value)}
	for _, h := range m.Headers {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.Key, Value: bytes.Clone(h.Value)})
	}
	return r
}

// clone keeps apart what is empty and what is not there, a tombstone.
func (c *copies) clone(b []byte) []byte {
	if len(b) == 0 || len(b) > chunkBytes/4 {
		return bytes.Clone(b)
	}
	if len(b) > len(c.left) {
		k, _ := c.pool.Get().(*chunk)
		if k == nil {
			k = new(chunk)
		}
		c.used, c.left = append(c.used, k), k[:]
	}
	to := c.left[:len(b):len(b)]
	c.left = c.left[copy(to, b):]
	return to
}
