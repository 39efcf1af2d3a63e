package handlertest

import (
	"time"

	"github.com/weir-kafka/weir/handlers"
)

// RecordOption changes a record that is being made.
type RecordOption func(*handlers.Record)

// Key sets the key.
func Key(k string) RecordOption { return func(r *handlers.Record) { r.Key = []byte(k) } }

// Header adds a header.
func Header(key, value string) RecordOption {
	return func(r *handlers.Record) {
		r.Headers = append(r.Headers, handlers.Header{Key: key, Value: []byte(value)})
	}
}

// At sets the position.
func At(topic string, partition int32, offset int64) RecordOption {
	return func(r *handlers.Record) { r.Topic, r.Partition, r.Offset = topic, partition, offset }
}

// Attempt sets which attempt this is; the first is 1.
func Attempt(n int) RecordOption { return func(r *handlers.Record) { r.Attempt = n } }

// Tombstone removes the value.
func Tombstone() RecordOption { return func(r *handlers.Record) { r.Value = nil } }

// Record returns a record with the value and no key, at topic/0/0 of the start
// of 2026. The empty value is a value; [Tombstone] removes it.
func Record(value string, opts ...RecordOption) *handlers.Record {
	r := &handlers.Record{
		Topic: "topic", Value: []byte(value), Attempt: 1, Timestamp: time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC),
	}
	for _, o := range opts {
		o(r)
	}
	return r
}
