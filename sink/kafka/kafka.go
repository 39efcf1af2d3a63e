// Package kafka is the sink that produces to a topic, at least once.
package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/sink"
)

// Config names the topic.
type Config struct {
	Brokers []string  `yaml:"brokers" doc:"Seed brokers as host:port. Defaults to those that the pipeline reads from, with their TLS and SASL."`
	Topic   string    `yaml:"topic" doc:"Topic to produce to. It must exist."`
	Options []kgo.Opt `yaml:"-"` // how to connect, given by the program
}

// DefaultConfig returns the defaults.
func DefaultConfig() Config { return Config{} }

// What a batch may be, and what the client may hold for all batches in flight.
const (
	mostMessages    = 10_000
	mostBytes       = 4 << 20
	mostBufferBytes = 32 << 20
)

// ErrClosed is returned by a write to a sink that was closed.
var ErrClosed = errors.New("kafka: the sink is closed")

// Sink produces with an idempotent producer, which keeps the order of a
// partition and so of a key.
type Sink struct {
	cfg Config

	mu     sync.Mutex
	client *kgo.Client
	closed bool
}

// New checks cfg; the first write connects.
func New(cfg Config) (*Sink, error) {
	if cfg.Topic == "" {
		return nil, errors.New("kafka: topic is empty; name the topic to produce to")
	}
	if len(cfg.Brokers) == 0 && len(cfg.Options) == 0 {
		return nil, errors.New("kafka: brokers is empty; name at least one host:port")
	}
	return &Sink{cfg: cfg}, nil
}

// Limits implements sink.Limited.
func (s *Sink) Limits() sink.Limits { return sink.Limits{Messages: mostMessages, Bytes: mostBytes} }

// connect returns the client. Retries are not bounded: a producer that gives up
// on a record in the middle of a batch may write the next one of its key first.
func (s *Sink) connect() (*kgo.Client, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, ErrClosed
	}
	if s.client != nil {
		return s.client, nil
	}
	opts := []kgo.Opt{
		kgo.DefaultProduceTopic(s.cfg.Topic),
		kgo.ProducerLinger(0),
		kgo.MaxBufferedBytes(mostBufferBytes),
		kgo.MaxBufferedRecords(4 * mostMessages),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.UnknownTopicRetries(2),
	}
	if len(s.cfg.Brokers) > 0 {
		opts = append(opts, kgo.SeedBrokers(s.cfg.Brokers...))
	}
	cl, err := kgo.NewClient(append(opts, s.cfg.Options...)...)
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	s.client = cl
	return cl, nil
}

// Write produces the batch and waits until the brokers have all of it.
func (s *Sink) Write(ctx context.Context, batch []sink.Message) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	cl, err := s.connect()
	if err != nil {
		return err
	}
	w := &write{left: len(batch), done: make(chan struct{}), errs: make([]error, len(batch))}
	recs := make([]kgo.Record, len(batch))
	for i := range batch {
		recs[i] = record(&batch[i])
		// The client keeps what it is given after ctx ended; the caller's memory is
		// not ours by then, so record has copied it.
		cl.Produce(ctx, &recs[i], w.promise(i))
	}
	select {
	case <-w.done:
		return w.err(batch)
	case <-ctx.Done():
		return fmt.Errorf("kafka: produce to %s: outcome unknown: %w", s.cfg.Topic, ctx.Err())
	}
}

func record(m *sink.Message) kgo.Record {
	buf := make([]byte, 0, len(m.Key)+len(m.Value))
	r := kgo.Record{Timestamp: m.Timestamp}
	if m.Key != nil {
		buf = append(buf, m.Key...)
		r.Key = buf[:len(m.Key):len(m.Key)]
	}
	if m.Value != nil {
		buf = append(buf, m.Value...)
		r.Value = buf[len(m.Key):]
	}
	for _, h := range m.Headers {
		r.Headers = append(r.Headers, kgo.RecordHeader{Key: h.Key, Value: append([]byte(nil), h.Value...)})
	}
	return r
}

// write gathers the promises of a batch.
type write struct {
	mu     sync.Mutex
	left   int
	failed bool
	errs   []error
	done   chan struct{}
}

func (w *write) promise(i int) func(*kgo.Record, error) {
	return func(_ *kgo.Record, err error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		if err != nil {
			w.errs[i], w.failed = classify(err), true
		}
		if w.left--; w.left == 0 {
			close(w.done)
		}
	}
}

// err says which messages failed. One that follows a failed one of its key is
// reported too even when it was written: it will be written again behind it.
func (w *write) err(batch []sink.Message) error {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.failed {
		return nil
	}
	var be sink.BatchError
	bad := make(map[string]bool)
	for i, err := range w.errs {
		key := string(batch[i].Key)
		switch {
		case err != nil:
			bad[key] = true
			be.Add(i, err)
		case bad[key] && batch[i].Key != nil:
			be.Add(i, sink.ErrBehindFailed)
		}
	}
	return be.Err()
}

// classify: what is wrong with the record is rejected, everything else passes.
func classify(err error) error {
	wrapped := fmt.Errorf("kafka: produce: %w", err)
	switch {
	case errors.Is(err, kerr.MessageTooLarge), errors.Is(err, kerr.InvalidRecord), errors.Is(err, kerr.CorruptMessage),
		errors.Is(err, kerr.InvalidTimestamp), errors.Is(err, kerr.RecordListTooLarge):
		return flow.Permanent(wrapped)
	case errors.Is(err, kgo.ErrMaxBuffered), errors.Is(err, kerr.ThrottlingQuotaExceeded),
		errors.Is(err, kerr.NotEnoughReplicas), errors.Is(err, kerr.NotEnoughReplicasAfterAppend), errors.Is(err, kerr.RequestTimedOut),
		errors.Is(err, kerr.UnknownTopicOrPartition), errors.Is(err, kerr.TopicAuthorizationFailed), errors.Is(err, kerr.ClusterAuthorizationFailed):
		return flow.Overloaded(wrapped, 0) // the sink is not there for any record
	}
	return wrapped
}

// Ping checks that the topic exists.
func (s *Sink) Ping(ctx context.Context) error {
	cl, err := s.connect()
	if err != nil {
		return err
	}
	topics, err := kadm.NewClient(cl).ListTopics(ctx, s.cfg.Topic)
	if err != nil {
		return fmt.Errorf("kafka: %w", err)
	}
	if err := topics[s.cfg.Topic].Err; err != nil || !topics.Has(s.cfg.Topic) {
		return fmt.Errorf("kafka: topic %q: %w; create it first", s.cfg.Topic, errors.Join(err))
	}
	return nil
}

// Close ends the client. Writes in flight fail. It may be called twice.
func (s *Sink) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = true
	if s.client != nil {
		s.client.Close()
		s.client = nil
	}
	return nil
}
