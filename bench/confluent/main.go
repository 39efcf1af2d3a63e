// Command confluent is a subject of the benchmark that needs a C compiler: the consumer
// of confluent-kafka-go, which is librdkafka. It speaks what the subjects of the
// benchmark's own program speak: a specification as its only argument, a line of JSON
// for each line of its input, and it ends with its input.
package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/confluentinc/confluent-kafka-go/v2/kafka"
)

// spec is what this subject needs of the specification.
type spec struct {
	Brokers      []string
	Topic, Group string
}

// moment is what the process had done at one time. Objects are not counted: those of C
// would be missing.
type moment struct {
	At             time.Time
	Records, Bytes int64
	CPU            time.Duration
}

type meter struct{ records, bytes atomic.Int64 }

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "confluent:", err)
		os.Exit(1)
	}
}

func run() error {
	var s spec
	if err := json.Unmarshal([]byte(os.Args[1]), &s); err != nil {
		return fmt.Errorf("specification: %w", err)
	}
	// Fetches are of 1 MiB a partition by default, as those of the other subjects.
	c, err := kafka.NewConsumer(&kafka.ConfigMap{
		"bootstrap.servers": strings.Join(s.Brokers, ","), "group.id": s.Group,
		"auto.offset.reset": "earliest", "auto.commit.interval.ms": 1000,
	})
	if err != nil {
		return err
	}
	if err := c.Subscribe(s.Topic, nil); err != nil {
		return err
	}
	var m meter
	go answer(&m)
	for {
		switch e := c.Poll(100).(type) {
		case *kafka.Message:
			if e.TopicPartition.Error != nil {
				return e.TopicPartition.Error
			}
			m.records.Add(1)
			m.bytes.Add(int64(len(e.Value)))
		case kafka.Error:
			if e.IsFatal() {
				return e
			}
		}
	}
}

// answer ends the process with its input.
func answer(m *meter) {
	out := json.NewEncoder(os.Stdout)
	for in := bufio.NewScanner(os.Stdin); in.Scan(); {
		var use syscall.Rusage
		_ = syscall.Getrusage(syscall.RUSAGE_SELF, &use)
		now := moment{time.Now(), m.records.Load(), m.bytes.Load(), time.Duration(use.Utime.Nano() + use.Stime.Nano())}
		if err := out.Encode(now); err != nil {
			break
		}
	}
	os.Exit(0)
}
