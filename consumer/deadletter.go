package consumer

import (
	"fmt"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/sink"
)

// Headers that a dead letter carries beside the record's own.
const (
	HeaderTopic     = "weir.topic"
	HeaderPartition = "weir.partition"
	HeaderOffset    = "weir.offset"
	HeaderTimestamp = "weir.timestamp" // RFC 3339 with nanoseconds
	HeaderError     = "weir.error"
	HeaderStep      = "weir.step" // handler, or sink and its name
	HeaderAttempts  = "weir.attempts"
	HeaderStack     = "weir.stack" // of a panic
)

// maxErrorText keeps a dead letter within what a broker takes.
const (
	maxErrorText = 4 << 10
	maxStackText = 16 << 10
)

// rejected is a record that the handler stage gives up.
type rejected struct {
	record int
	why    verdictOf
}

// verdictOf says why a record is rejected.
type verdictOf struct {
	step     string
	err      error
	attempts int
}

// RejectedError ends a consumer that has no dead-letter sink: nothing may be
// dropped, so a record that can not be processed stops the pipeline.
type RejectedError struct {
	Topic     string
	Partition int32
	Offset    int64
	Step      string
	Err       error
}

// Error names the record and the way out.
func (e *RejectedError) Error() string {
	return fmt.Sprintf("record %s/%d/%d was rejected by the %s and there is no dead-letter sink to keep it: %v; set failure.dead_letter",
		e.Topic, e.Partition, e.Offset, e.Step, e.Err)
}

// Unwrap returns the reason.
func (e *RejectedError) Unwrap() error { return e.Err }

// RouteError is a message for a sink that the pipeline does not have.
type RouteError struct{ Route string }

// Error names the route.
func (e *RouteError) Error() string { return fmt.Sprintf("no sink is named %q", e.Route) }

// deadLetter gives record i of b to the dead letters. One of its messages stays
// unacknowledged until the dead-letter sink has it: only that advances the offset.
func (c *Consumer) deadLetter(b *batch, i int, why verdictOf) {
	p := b.part
	p.mu.Lock()
	again := b.states[i].dead
	b.states[i].dead = true
	rec := b.taken[i].Item.rec
	p.mu.Unlock()
	o := &out{batch: b, stage: c.dead, recs: []int32{int32(i)}, ends: []int32{1}, msgs: make([]sink.Message, 1)}
	c.dead.load.entered.Add(1)
	if again { // it is there already; this message needs nothing more
		c.settle(p, p.ack(o, 0, 1))
		return
	}
	o.msgs[0] = deadMessage(p, rec, why)
	c.settle(p, p.grow(b, int64(o.msgs[0].Size()+messageOverhead)))
	c.totals.deadLetters.Add(1)
	c.metrics.dead(flow.Classify(why.err))
	c.log.Warn("record rejected", "topic", p.topic, "partition", p.partition, "offset", rec.Offset,
		"step", why.step, "attempts", why.attempts, "err", why.err)
	c.dead.enqueue(o)
}

func deadMessage(p *partition, rec *kgo.Record, why verdictOf) sink.Message {
	rec = cloneRecord(rec)
	m := sink.Message{
		Key: rec.Key, Value: rec.Value, Timestamp: rec.Timestamp, Headers: headersOf(rec),
		Source: sink.Position{Topic: p.topic, Partition: p.partition, Offset: rec.Offset},
	}
	add := func(key, value string) { m.Headers = append(m.Headers, sink.Header{Key: key, Value: []byte(value)}) }
	add(HeaderTopic, p.topic)
	add(HeaderPartition, strconv.Itoa(int(p.partition)))
	add(HeaderOffset, strconv.FormatInt(rec.Offset, 10))
	add(HeaderTimestamp, rec.Timestamp.UTC().Format(time.RFC3339Nano))
	add(HeaderStep, why.step)
	add(HeaderAttempts, strconv.Itoa(why.attempts))
	add(HeaderError, cut(why.err.Error(), maxErrorText))
	if stack := stackOf(why.err); stack != nil {
		add(HeaderStack, cut(string(stack), maxStackText))
	}
	return m
}

// cut returns at most n bytes of s, and no half of a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for least := n - utf8.UTFMax; n > least+1 && !utf8.RuneStart(s[n]); {
		n--
	}
	return s[:n]
}
