// Package kafka is the sink that produces to a topic, at least once.
//
// The producer is idempotent, so the client's own retries neither repeat nor
// reorder a record. Keys go to the partition that the Java client would choose.
// Messages of more than a million bytes are rejected, whatever the topic allows.
package kafka

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

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

// DefaultConfig returns the defaults: the pipeline's own brokers, and no topic.
func DefaultConfig() Config { return Config{} }

// What a batch may be, and what all batches in flight may hold in memory. A
// record batch is as large as a topic takes by default (max.message.bytes).
const (
	mostMessages    = 10_000
	mostBytes       = 4 << 20
	mostHeld        = 32 << 20
	recordOverhead  = 400 // of a record in the client, beside its bytes
	recordBatchMost = 1_000_012
)

// ErrClosed is returned by a write to a sink that was closed.
var ErrClosed = errors.New("kafka: the sink is closed")

// Sink produces with an idempotent producer, which keeps the order of a
// partition and so of a key.
type Sink struct {
	cfg Config
	// room is what the client may hold, in bytes. Whoever has all of it knows that
	// the client holds nothing else, not even what a write that gave up left there.
	room   *flow.Semaphore
	chunks sync.Pool // of copies

	mu     sync.Mutex
	client *kgo.Client
	spent  bool // the client failed for good and is to be replaced
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
	return &Sink{cfg: cfg, room: flow.NewSemaphore(mostHeld)}, nil
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
	opts := append([]kgo.Opt(nil), s.cfg.Options...)
	if len(s.cfg.Brokers) > 0 {
		opts = append(opts, kgo.SeedBrokers(s.cfg.Brokers...))
	}
	cl, err := kgo.NewClient(append(opts,
		kgo.DefaultProduceTopic(s.cfg.Topic),
		kgo.ProducerLinger(0),
		kgo.ProducerBatchMaxBytes(recordBatchMost),
		// Never reached: room is the bound, and one that knows of ctx.
		kgo.MaxBufferedBytes(2*mostHeld), kgo.MaxBufferedRecords(2*mostHeld/recordOverhead),
		kgo.RecordPartitioner(kgo.StickyKeyPartitioner(nil)),
		kgo.UnknownTopicRetries(2),
		// A partition whose leader moved waits for new metadata; the client's own 5 s
		// between two requests is as long as a write may take by default.
		kgo.MetadataMinAge(time.Second),
	)...)
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	s.client, s.spent = cl, false
	return cl, nil
}

// retire notes that cl failed for good: it has no producer ID and will never
// ask for another, or it knows the topic by the ID of one that was deleted.
func (s *Sink) retire(cl *kgo.Client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.spent = s.spent || s.client == cl
}

// replaceSpent closes a client that was retired. Only who has all the room may
// call it: what the old client still held could overtake what the new one writes.
func (s *Sink) replaceSpent() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.spent && s.client != nil {
		s.client.Close()
		s.client = nil
	}
}

func (s *Sink) isSpent() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.spent
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
	err = kerr.UnknownTopicOrPartition
	if d, ok := topics[s.cfg.Topic]; ok {
		err = d.Err
	}
	if err != nil {
		return fmt.Errorf("kafka: topic %q: %w", s.cfg.Topic, err)
	}
	return nil
}

// Close ends the client. Writes in flight fail; every other one has waited for
// its acknowledgement already. It may be called twice.
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
