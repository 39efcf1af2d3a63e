package main

import (
	"bufio"
	"cmp"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"math/rand/v2"
	"os"
	"strings"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"
)

const (
	partitions = 8
	keys       = 100_000
)

// brokerSpec is a broker in a process of its own.
type brokerSpec struct {
	Topic      string
	Partitions int
	// Canned answers every fetch with copies of one record batch of values of so many
	// bytes, from whatever offset: the broker costs as little as it can, so that what
	// is measured is the client. Without it the broker keeps what is produced.
	Canned int
	// Batch is how large the canned batch is, a megabyte by default.
	Batch int
	// PartitionBytes is the most that a fetch is given of one partition, whatever it asks for.
	PartitionBytes int32
	// Keys are those of a canned batch. The batch is the same in every partition, and a
	// key of one partition is another than that of the same name in the next.
	Keys keySpec
	// Into is a topic for what is produced, which is not kept then, of any topic.
	Into string
	// Configs are the broker's own, such as the heartbeat interval of its groups.
	Configs map[string]string
}

// serve is the broker's process: it prints its address, does what the lines of its
// input tell its tap, and ends with them.
func serve(spec string) error {
	var s brokerSpec
	if err := json.Unmarshal([]byte(spec), &s); err != nil {
		return fmt.Errorf("specification of a broker: %w", err)
	}
	opts := []kfake.Opt{kfake.NumBrokers(1), kfake.SeedTopics(int32(s.Partitions), s.Topic), kfake.BrokerConfigs(s.Configs)}
	if s.Canned > 0 {
		opts = append(opts, kfake.SyntheticFetch(kfake.SyntheticBatch{Batch: recordBatch(s.Canned, s.Batch, s.Keys)}))
	}
	if s.Into != "" {
		opts = append(opts, kfake.SeedTopics(int32(s.Partitions), s.Into), kfake.BlackholeProduce())
	}
	c, err := kfake.NewCluster(opts...)
	if err != nil {
		return err
	}
	defer c.Close()
	t := newTap(c, s)
	fmt.Println(strings.Join(c.ListenAddrs(), ","))
	in := bufio.NewScanner(os.Stdin)
	for in.Scan() {
		fmt.Println(t.do(in.Text()))
	}
	return in.Err()
}

// cannedRecords is how many records of so many bytes a canned batch of a size has.
func cannedRecords(valueBytes, batchBytes int) int {
	return max(cmp.Or(batchBytes, 1_000_000)/valueBytes, 1)
}

// recordBatch is one batch of about so many bytes of values, with the keys of one
// partition.
func recordBatch(valueBytes, batchBytes int, k keySpec) []byte {
	rng := rand.New(rand.NewPCG(1, 2))
	n := cannedRecords(valueBytes, batchBytes)
	if k.Count == 0 {
		k.Count = keys / partitions
	}
	var recs []byte
	for i, rank := range k.draw(n) {
		value := make([]byte, valueBytes)
		for k := range value {
			value[k] = byte(rng.Uint32())
		}
		r := kmsg.Record{OffsetDelta: int32(i), Key: []byte(keyName(rank)), Value: value}
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

func topicOf(size int) string { return fmt.Sprintf("bench-%d", size) }

// canned starts a broker with an endless topic.
func (l *lab) canned(size int) (address []string, end func(), err error) {
	return l.broker(brokerSpec{Topic: topicOf(size), Partitions: partitions, Canned: size})
}

func (l *lab) broker(s brokerSpec) (address []string, end func(), err error) {
	address, c, err := startBroker(s)
	if err != nil {
		return nil, nil, err
	}
	return address, c.close, nil
}

// startBroker starts a broker that can be asked for what its tap knows.
func startBroker(s brokerSpec) (address []string, c *child, err error) {
	c, address, err = serving("broker", "-serve", s)
	return address, c, err
}

// serving starts this program in the role of a server that prints its addresses.
func serving(name, role string, spec any) (c *child, address []string, err error) {
	raw, err := json.Marshal(spec)
	if err != nil {
		return nil, nil, err
	}
	if c, err = start(name, role, string(raw)); err != nil {
		return nil, nil, err
	}
	line, err := c.out.ReadString('\n')
	if err != nil {
		c.close()
		return nil, nil, fmt.Errorf("the %s did not start: %w", name, err)
	}
	return c, strings.Split(strings.TrimSpace(line), ","), nil
}
