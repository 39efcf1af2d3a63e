package main

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	topic      = "bench"
	partitions = 8
	keys       = 100_000
)

// serve is the broker's process: it prints its address and ends with its input.
// Every fetch is answered with copies of one record batch, from whatever offset:
// the broker costs as little as it can, so that what is measured is the client.
func serve(valueBytes int) error {
	c, err := kfake.NewCluster(
		kfake.NumBrokers(1), kfake.SeedTopics(partitions, topic),
		kfake.SyntheticFetch(kfake.SyntheticBatch{Batch: recordBatch(valueBytes)}),
	)
	if err != nil {
		return err
	}
	defer c.Close()
	fmt.Println(strings.Join(c.ListenAddrs(), ","))
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

// recordBatch is one batch of about a megabyte, with keys drawn at random from
// those of one partition.
func recordBatch(valueBytes int) []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	n := max(1_000_000/valueBytes, 1)
	var recs []byte
	for i := range n {
		value := make([]byte, valueBytes)
		for k := range value {
			value[k] = byte(rng.Uint32())
		}
		r := kmsg.Record{OffsetDelta: int32(i), Key: []byte("key-" + strconv.Itoa(rng.IntN(keys/partitions))), Value: value}
		r.Length = int32(len(r.AppendTo(nil)) - 1) // an unset length is one byte
		recs = r.AppendTo(recs)
	}
	b := kmsg.RecordBatch{
		PartitionLeaderEpoch: -1, Magic: 2, LastOffsetDelta: int32(n - 1), FirstTimestamp: 1_600_000_000_000, MaxTimestamp: 1_600_000_000_000,
		ProducerID: -1, ProducerEpoch: -1, FirstSequence: -1, NumRecords: int32(n), Records: recs,
	}
	raw := b.AppendTo(nil)
	// The length counts what follows it, the checksum what follows that.
	binary.BigEndian.PutUint32(raw[8:], uint32(len(raw)-12))
	binary.BigEndian.PutUint32(raw[17:], crc32.Checksum(raw[21:], crc32.MakeTable(crc32.Castagnoli)))
	return raw
}

// broker is a broker in a process of its own.
type broker struct {
	address string
	cmd     *exec.Cmd
	input   io.Closer
}

func startBroker(valueBytes int) (*broker, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self, "-serve", strconv.Itoa(valueBytes))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	b := &broker{cmd: cmd, input: in}
	if _, err := fmt.Fscanln(out, &b.address); err != nil {
		return nil, fmt.Errorf("the broker did not start: %w", err)
	}
	return b, nil
}

func (b *broker) close() {
	_ = b.input.Close()
	_ = b.cmd.Wait()
}
