//go:build synctests

package consumer_test

import (
	"math/rand/v2"
	"strconv"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/consumer"
)

// A thousand times a member joins and another one leaves, at any moment of what
// the others are at: in the middle of a batch, of a commit, of a rebalance.
func TestAThousandGracefulStopsRepeatNothing(t *testing.T) {
	const partitions, stops, least = 6, 1000, 2
	each := stops / 4
	if testing.Short() {
		each = 10
	}
	for _, protocol := range []consumer.Protocol{consumer.ProtocolClassic, consumer.ProtocolConsumer} {
		for half := range 2 {
			t.Run(string(protocol)+"/"+strconv.Itoa(half), func(t *testing.T) {
				inLab(t, partitions, func(l *lab) {
					rng := rand.New(rand.NewPCG(uint64(half), 1))
					cfg := l.config()
					cfg.Kafka.Protocol = protocol
					p := l.to(slow(2 * time.Millisecond))
					var ms []*member
					for range least {
						ms = append(ms, l.run(cfg, p))
					}
					for i := range each {
						l.write(round(partitions, i)...)
						ms = append(ms, l.run(cfg, p))
						time.Sleep(time.Duration(rng.Int64N(int64(2 * time.Second))))
						l.write(round(partitions, i)...)
						time.Sleep(time.Duration(rng.Int64N(int64(20 * time.Millisecond))))
						k := rng.IntN(len(ms))
						ms[k].mustEnd()
						ms = append(ms[:k], ms[k+1:]...)
					}
					n := 2 * each * keysARound
					l.until(time.Minute, "all delivered", func() bool { return l.ledger.distinct() == partitions*n })
					for _, m := range ms {
						m.mustEnd()
					}
					l.settled(partitions, n)
				})
			})
		}
	}
}

const keysARound = 8

// round is a record of each key in each partition.
func round(partitions, i int) (recs []*kgo.Record) {
	for p := range partitions {
		for k := range keysARound {
			recs = append(recs, &kgo.Record{Topic: topic, Partition: int32(p), Key: []byte("k" + strconv.Itoa(k)), Value: []byte(strconv.Itoa(i))})
		}
	}
	return recs
}
