package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/bench/peers"
)

// producerSpec is a producer in a process of its own.
type producerSpec struct {
	Brokers    []string
	Topic      string
	Partitions int
	Keys       int // as many as there are of all rows by default
	PerSecond  float64
}

// producing is the life of a producer's process: it produces on its schedule until its
// input ends. It never waits for an answer, and a record's stamp is when it was due: what
// came late here, or waited behind another, is part of the latency.
func producing(spec string) error {
	var s producerSpec
	if err := json.Unmarshal([]byte(spec), &s); err != nil {
		return fmt.Errorf("specification of a producer: %w", err)
	}
	client, err := kgo.NewClient(kgo.SeedBrokers(s.Brokers...), kgo.RecordPartitioner(kgo.ManualPartitioner()),
		kgo.ProducerLinger(0), kgo.MaxBufferedRecords(1<<30), kgo.DisableIdempotentWrite(), kgo.RequiredAcks(kgo.LeaderAck()))
	if err != nil {
		return err
	}
	defer client.Close()
	over := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, bufio.NewReader(os.Stdin))
		over <- err
	}()
	fmt.Println("producing")
	begun := time.Now()
	for n := 0; ; n++ {
		due := begun.Add(time.Duration(float64(n) / s.PerSecond * float64(time.Second)))
		if d := time.Until(due); d > 0 {
			select {
			case err := <-over:
				return err
			case <-time.After(d):
			}
		}
		value := make([]byte, 100)
		peers.Stamp(value, due)
		client.Produce(context.Background(), &kgo.Record{
			Topic: s.Topic, Partition: int32(n % s.Partitions), Key: []byte("key-" + strconv.Itoa(n%cmp.Or(s.Keys, keys))), Value: value,
		}, nil)
	}
}

// startProducer starts a producer and waits until it begins.
func startProducer(s producerSpec) (*child, error) {
	c, _, err := serving("producer", "-produce", s)
	return c, err
}
