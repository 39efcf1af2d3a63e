package consumer

import (
	"hash/maphash"
	"slices"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/weir-kafka/weir/handlers"
)

// names asks the pipeline for the tenants of records. It is nil where the record
// says it.
func (t *tenants) names(id tp, recs []*kgo.Record) []string {
	if t == nil || t.of == nil {
		return nil
	}
	names := make([]string, len(recs))
	for i, r := range recs {
		names[i] = t.ask(&handlers.Record{
			Topic: id.topic, Partition: id.partition, Offset: r.Offset, Key: r.Key, Value: r.Value,
			Headers: headersOf(r), Timestamp: r.Timestamp, Attempt: 1,
		})
	}
	return names
}

// ask calls the pipeline's function; a panic names no tenant.
func (t *tenants) ask(r *handlers.Record) (name string) {
	defer func() {
		if recover() != nil {
			name = ""
		}
	}()
	return t.of(r)
}

// name is the tenant that a record itself names.
func (t *tenants) name(r *kgo.Record) []byte {
	if t.cfg.Key {
		return r.Key
	}
	for _, h := range slices.Backward(r.Headers) {
		if h.Key == t.cfg.Header {
			return h.Value
		}
	}
	return nil
}

// enter counts a record that comes into its lane, and returns its slot. names is
// what names returned, i the record's place in it.
func (t *tenants) enter(r *kgo.Record, names []string, i, size int) int32 {
	if t == nil {
		return 0
	}
	var name []byte
	if names != nil {
		name = []byte(names[i])
	} else {
		name = t.name(r)
	}
	if len(name) > maxName {
		sum := maphash.Bytes(t.seed, name)
		name = append(name[:maxName:maxName], byte(sum), byte(sum>>8), byte(sum>>16), byte(sum>>24), byte(sum>>32))
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	n, ok := t.named[string(name)]
	if !ok {
		n = t.deal(string(name))
	}
	s := t.slots[n]
	s.records++
	s.bytes += int64(size)
	return n
}

// deal gives a tenant a slot: a free one, a new one, or somebody else's.
func (t *tenants) deal(name string) int32 {
	if len(t.free) == 0 && len(t.slots) == maxTenants {
		t.sweep()
	}
	n := int32(len(t.slots))
	switch last := len(t.free) - 1; {
	case last >= 0:
		n, t.free = t.free[last], t.free[:last]
	case len(t.slots) < maxTenants:
		t.slots = append(t.slots, nil)
	default:
		return int32(maphash.String(t.seed, name) % maxTenants)
	}
	t.slots[n] = &tenant{name: name}
	t.named[name] = n
	return n
}

// sweep forgets those who have nothing and whose rate has come back: a tenant
// that could be forgotten before would have its burst again at once.
func (t *tenants) sweep() {
	now := t.now()
	if now.Sub(t.swept) < burstTime {
		return
	}
	t.swept = now
	for n := range t.slots {
		t.forget(int32(n))
	}
}

// forget frees a slot, if nothing is left to know of it.
func (t *tenants) forget(n int32) {
	s := t.slots[n]
	if s.unused || s.records > 0 || s.spent.After(t.now()) {
		return
	}
	delete(t.named, s.name)
	s.unused = true
	t.free = append(t.free, n)
	if s.parked != "" { // a partition passes the slot over, and would the next tenant
		t.open(n)
	}
}
