package kafka

import (
	"bytes"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/sink"
)

// copies is the keys and values of one write, in one piece of memory that is used again:
// a fresh one for each record is a sixth of what a record costs.
type copies struct {
	buf  []byte
	pool *copyPool
}

// copyPool is copies that no write needs. The collector empties it.
type copyPool struct{ sync.Pool }

// take returns copies with room for so many bytes.
func (p *copyPool) take(size int) *copies {
	if c, _ := p.Get().(*copies); c != nil && cap(c.buf) >= size {
		return c
	}
	return &copies{buf: make([]byte, 0, size), pool: p}
}

// free gives the memory back. Nobody may read a record that was made of it.
func (c *copies) free() {
	if cap(c.buf) <= mostBytes {
		c.buf = c.buf[:0]
		c.pool.Put(c)
	}
}

// record copies m. There is room for it.
func (c *copies) record(m *sink.Message) kgo.Record {
	r := kgo.Record{Timestamp: m.Timestamp, Key: c.clone(m.Key), Value: c.clone(m.Value)}
	for _, h := range m.Headers {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.Key, Value: bytes.Clone(h.Value)})
	}
	return r
}

// clone keeps apart what is empty and what is not there, a tombstone.
func (c *copies) clone(b []byte) []byte {
	if b == nil {
		return nil
	}
	from := len(c.buf)
	c.buf = append(c.buf, b...)
	return c.buf[from:len(c.buf):len(c.buf)]
}

// sizeOf is the bytes of keys and values.
func (w *write) sizeOf(idx []int) (n int) {
	for _, i := range idx {
		n += len(w.batch[i].Key) + len(w.batch[i].Value)
	}
	return n
}
