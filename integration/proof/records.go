package proof

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/integration/ledger"
)

// class is what is to become of a record. It is the first byte of its value.
type class byte

const (
	good       class = 'g'
	skipped    class = 's' // the handler makes nothing of it
	rejected   class = 'r' // by the handler
	panics     class = 'p' // the handler does
	stumbles   class = 'u' // the handler fails twice
	unwritable class = 'w' // rejected by the sink
	fails      class = 'f' // by the sink, without saying that it always will
)

func classOf(value []byte) class {
	if len(value) == 0 {
		return good
	}
	return class(value[0])
}

func (c class) poison() bool {
	return c == rejected || c == panics || c == unwritable || c == fails
}

// writer writes the records of a scenario, half of them before anything starts.
type writer struct {
	s      *scenario
	rnd    *rand.Rand
	burst  *rand.Rand // of floods, which come in between
	log    *ledger.Log
	client *kgo.Client
	opts   []kgo.Opt
	ends   func() []*kfake.PartitionInfo
	keys   int
	n      int
	parts  int
}

func newWriter(s *scenario, l *ledger.Log, opts ...kgo.Opt) (*writer, error) {
	opts = append(opts, kgo.RecordPartitioner(kgo.ManualPartitioner()), kgo.ProducerLinger(0), kgo.DisableClientMetrics(), kgo.MetadataMinAge(100*time.Millisecond))
	cl, err := kgo.NewClient(opts...)
	if err != nil {
		return nil, fmt.Errorf("proof: writer: %w", err)
	}
	w := &writer{s: s, rnd: rand.New(rand.NewPCG(s.seed, 5)), burst: rand.New(rand.NewPCG(s.seed, 7)), log: l, client: cl, opts: opts, parts: s.partitions} //nolint:gosec // a seed is to give the same again
	w.keys = 1 + w.rnd.IntN(30)
	return w, nil
}

// before writes the first half, with transactions among it: some of them aborted.
func (w *writer) before(ctx context.Context) error {
	for w.n < w.s.records/2 {
		n := 1 + w.rnd.IntN(60)
		if w.n == 0 || w.s.large() || w.rnd.IntN(6) > 0 { // the first of all gets the producer its id while all brokers are there
			if err := w.write(ctx, w.client, n, ledger.Visible); err != nil {
				return err
			}
			continue
		}
		if err := w.transaction(ctx, n, w.rnd.IntN(2) == 0); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) transaction(ctx context.Context, n int, commit bool) error {
	cl, err := kgo.NewClient(append(w.opts, kgo.TransactionalID("writer"))...)
	if err != nil {
		return fmt.Errorf("proof: transaction: %w", err)
	}
	defer cl.Close()
	if err := cl.BeginTransaction(); err != nil {
		return fmt.Errorf("proof: transaction: %w", err)
	}
	standing := ledger.Aborted
	if commit {
		standing = ledger.Visible
	}
	recs := w.records(n)
	if err := w.send(ctx, cl, recs, standing); err != nil {
		return err
	}
	if err := cl.EndTransaction(ctx, kgo.TransactionEndTry(commit)); err != nil {
		return fmt.Errorf("proof: transaction: %w", err)
	}
	w.ended(recs)
	return nil
}

// ended notes the markers with which the transaction of recs has just ended: they
// are the last of their partitions.
func (w *writer) ended(recs []*kgo.Record) {
	ends, seen := w.ends(), map[int32]bool{}
	for _, r := range recs {
		if seen[r.Partition] {
			continue
		}
		seen[r.Partition] = true
		w.log.Wrote(ledger.Record{
			Partition: ledger.Partition{Topic: topic, Partition: r.Partition}, Offset: ends[r.Partition].HighWatermark - 1, Standing: ledger.Control,
		})
	}
}

// after ends the log with transactions: behind their markers there is nothing to
// commit with.
func (w *writer) after(ctx context.Context) error {
	for _, commit := range []bool{true, false} {
		if w.s.large() || w.rnd.IntN(2) == 0 {
			continue
		}
		if err := w.transaction(ctx, 1+w.rnd.IntN(2*w.parts), commit); err != nil {
			return err
		}
	}
	return nil
}

// during writes the rest while there are faults.
func (w *writer) during(ctx context.Context) error {
	const rounds = 30
	each := (w.s.records-w.n)/rounds + 1
	for range rounds {
		wait(ctx, w.s.lasts/rounds)
		if err := w.write(ctx, w.client, each, ledger.Visible); err != nil {
			return err
		}
	}
	return nil
}

func (w *writer) write(ctx context.Context, cl *kgo.Client, n int, standing ledger.Standing) error {
	return w.send(ctx, cl, w.records(n), standing)
}

func (w *writer) records(n int) []*kgo.Record {
	recs := make([]*kgo.Record, n)
	for i := range recs {
		recs[i] = w.record()
	}
	return recs
}

func (w *writer) send(ctx context.Context, cl *kgo.Client, recs []*kgo.Record, standing ledger.Standing) error {
	for left := recs; len(left) > 0; {
		results := cl.ProduceSync(ctx, left...)
		left = nil
		for _, r := range results {
			var refused *kerr.Error // of the metadata: no produce request is refused
			switch {
			case r.Err == nil:
			case errors.As(r.Err, &refused), strings.Contains(r.Err.Error(), "unable to dial"): // nothing was sent
				left = append(left, r.Record)
			default:
				return fmt.Errorf("proof: write: %w", r.Err)
			}
		}
		if len(left) > 0 {
			wait(ctx, time.Second)
		}
	}
	wrote := make([]ledger.Record, len(recs))
	for i, r := range recs {
		wrote[i] = ledger.Record{
			Partition: ledger.Partition{Topic: topic, Partition: r.Partition}, Offset: r.Offset, Key: string(r.Key),
			Hash: ledger.Hash(r.Key, r.Value), Standing: standing, Poison: classOf(r.Value).poison(), Bytes: len(r.Key) + len(r.Value),
		}
	}
	w.log.Wrote(wrote...)
	return nil
}

// flood makes n large records. Half of them can not be compressed.
func (w *writer) flood(n int) []*kgo.Record {
	recs := make([]*kgo.Record, n)
	for i := range recs {
		value := make([]byte, 60<<10+w.burst.IntN(240<<10))
		if w.burst.IntN(2) == 0 {
			for at := 0; at+8 <= len(value); at += 8 {
				binary.LittleEndian.PutUint64(value[at:], w.burst.Uint64())
			}
		}
		value[0] = byte(good)
		recs[i] = &kgo.Record{Topic: topic, Partition: int32(w.burst.IntN(w.parts)), Key: []byte("k" + strconv.Itoa(1+w.burst.IntN(w.keys))), Value: value} //nolint:gosec // few
	}
	return recs
}

func (w *writer) record() *kgo.Record {
	w.n++
	c := good
	switch k := w.rnd.IntN(1000); {
	case k < w.s.poison:
		c = [...]class{rejected, panics, unwritable, unwritable, fails}[w.rnd.IntN(5)]
	case k > 960:
		c = skipped
	case k > 940 && w.s.families[handling]:
		c = stumbles
	}
	value := make([]byte, 0, 16+w.s.values)
	value = append(value, byte(c))
	value = strconv.AppendInt(value, int64(w.n), 10)
	value = append(value, ' ')
	value = value[:len(value)+w.rnd.IntN(w.s.values)]
	r := &kgo.Record{Topic: topic, Partition: int32(w.rnd.IntN(w.parts)), Value: value} //nolint:gosec // few
	if k := w.rnd.IntN(w.keys + 1); k > 0 {
		r.Key = []byte("k" + strconv.Itoa(k))
	}
	return r
}
