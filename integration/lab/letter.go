package lab

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/integration/ledger"
)

// letter is a dead letter on its way, of which nobody has said yet that it is
// there.
type letter struct {
	event ledger.Event
	to    int32 // partition of the dead letters
}

// deadLetters notes what became of them.
type deadLetters struct {
	log *ledger.Log

	mu      sync.Mutex
	known   map[place]int
	unknown []ledger.Event // in the ledger by their ID: they may be there or not
	closed  map[int64]closing
}

// place is where the record of a letter stands, or is said to.
type place struct {
	ledger.Partition
	offset int64
	hash   uint64
}

func placeOf(e ledger.Event) place { return place{e.Partition, e.Offset, e.Hash} }

// letters reads what a member produces.
func (m *Member) letters(req *kmsg.ProduceRequest) (ls []letter, err error) {
	m.lab.journal.sync()
	began := m.lab.Log.Now()
	for _, t := range req.Topics {
		for _, p := range t.Partitions {
			raw := kmsg.NewFetchResponseTopicPartition()
			raw.RecordBatches = p.Records
			got, _ := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{}, &raw, kgo.DefaultDecompressor(), nil)
			if got.Err != nil {
				return nil, fmt.Errorf("proxy: dead letters: %w", got.Err)
			}
			for _, r := range got.Records {
				e := letterOf(r)
				e.Instance, e.Session, e.Began = m.N, m.lab.sessions.Of(m.N, e.Partition), began
				ls = append(ls, letter{e, p.Partition})
			}
		}
	}
	return ls, nil
}

// letterOf takes from its headers where the record of a dead letter is, and -1 for
// what they do not say.
func letterOf(r *kgo.Record) ledger.Event {
	e := ledger.Event{Kind: ledger.Effect, Outcome: ledger.DeadLetter, Offset: -1, Key: string(r.Key), Hash: ledger.Hash(r.Key, r.Value)}
	for _, h := range r.Headers {
		n, err := strconv.ParseInt(string(h.Value), 10, 64)
		switch {
		case h.Key == consumer.HeaderTopic:
			e.Topic = string(h.Value)
		case h.Key == consumer.HeaderPartition && err == nil:
			e.Partition.Partition = int32(n) //nolint:gosec // judged by the checker
		case h.Key == consumer.HeaderOffset && err == nil:
			e.Offset = n
		}
	}
	return e
}

// answered notes those that the broker has, before the member knows.
func (d *deadLetters) answered(ls []letter, resp *kmsg.ProduceResponse) {
	codes := map[int32]int16{}
	for _, t := range resp.Topics {
		for _, p := range t.Partitions {
			codes[p.Partition] = p.ErrorCode
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range ls {
		if codes[l.to] == 0 {
			d.known[placeOf(l.event)]++
			d.log.Add(l.event)
		}
	}
}

// unanswered notes those that may be there: the end says it.
func (d *deadLetters) unanswered(ls []letter) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, l := range ls {
		l.event.ID, l.event.Unknown = d.log.ID(), true
		d.unknown = append(d.unknown, l.event)
		d.closed[l.event.ID] = closing{time.Now(), l.event.Instance}
		d.log.Add(l.event)
	}
}

// missing returns which of the unanswered are not among those that there are, and
// an error for one that nobody saw.
func (d *deadLetters) missing(there map[place]int) (ids map[int64]bool, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for p, n := range d.known {
		there[p] -= n
	}
	ids = map[int64]bool{}
	for _, e := range d.unknown {
		if p := placeOf(e); there[p] > 0 {
			there[p]--
		} else {
			ids[e.ID] = true
		}
	}
	for p, n := range there {
		if n != 0 {
			return nil, fmt.Errorf("%d dead letters of %s/%d/%d more than were seen on their way", n, p.Topic, p.Partition.Partition, p.offset)
		}
	}
	return ids, nil
}

// readLetters reads the dead letters that there are.
func (l *Lab) readLetters(ctx context.Context) (map[place]int, error) {
	ends, err := kadm.NewClient(l.producer.client).ListEndOffsets(ctx, DeadTopic)
	if err != nil {
		return nil, fmt.Errorf("ends of the dead letters: %w", err)
	}
	left := int64(0)
	ends.Each(func(e kadm.ListedOffset) { left += e.Offset })
	cl, err := kgo.NewClient(kgo.SeedBrokers(l.broker.address), kgo.ConsumeTopics(DeadTopic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()))
	if err != nil {
		return nil, err
	}
	defer cl.Close()
	there := map[place]int{}
	for left > 0 {
		fetches := cl.PollFetches(ctx)
		if err := fetches.Err(); err != nil {
			return nil, fmt.Errorf("read the dead letters: %w", err)
		}
		fetches.EachRecord(func(r *kgo.Record) {
			left--
			there[placeOf(letterOf(r))]++
		})
	}
	return there, nil
}
