package peers

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// ahead is how many records PerKey takes beyond those that are done.
const ahead = 20_000

// PerKey is what a team writes by hand for order by key: a goroutine for each key that
// has records, a semaphore before the handler, and the offset up to which all is done
// committed once in a while.
func PerKey(ctx context.Context, s Spec, m *Meter) error {
	client, err := kgo.NewClient(
		kgo.SeedBrokers(s.Brokers...), kgo.ConsumerGroup(s.Group), kgo.ConsumeTopics(s.Topic),
		kgo.ConsumeResetOffset(kgo.NewOffset().AtStart()),
		kgo.FetchMaxPartitionBytes(FetchBytes), kgo.DisableAutoCommit(),
	)
	if err != nil {
		return err
	}
	defer client.Close()
	k := &perKey{
		spec: s, meter: m, room: make(chan struct{}, ahead), calls: make(chan struct{}, max(s.InFlight, 1)),
		keys: make(map[partKey][]*kgo.Record), parts: make(map[int32]*line),
	}
	defer k.running.Wait()
	k.running.Go(func() { k.commitLoop(ctx, client) })
	for {
		fetches := client.PollRecords(ctx, ahead/2)
		if ctx.Err() != nil {
			return nil
		}
		for _, e := range fetches.Errors() {
			return fmt.Errorf("fetch: %w", e.Err)
		}
		for r := range fetches.RecordsAll() {
			select {
			case k.room <- struct{}{}:
			case <-ctx.Done():
				return nil
			}
			k.push(ctx, r)
		}
	}
}

type partKey struct {
	partition int32
	key       string
}

// line is the records of a partition in their order, and which of them are done.
type line struct {
	first int64 // the offset of done[0]
	done  []bool
}

type perKey struct {
	spec        Spec
	meter       *Meter
	room, calls chan struct{}
	running     sync.WaitGroup

	mu    sync.Mutex
	keys  map[partKey][]*kgo.Record // of keys that have a goroutine: what waits for it
	parts map[int32]*line
}

func (k *perKey) push(ctx context.Context, r *kgo.Record) {
	id := partKey{r.Partition, string(r.Key)}
	k.mu.Lock()
	defer k.mu.Unlock()
	l := k.parts[r.Partition]
	if l == nil {
		l = &line{first: r.Offset}
		k.parts[r.Partition] = l
	}
	l.done = append(l.done, false)
	waiting, busy := k.keys[id]
	k.keys[id] = append(waiting, r)
	if !busy {
		k.running.Go(func() { k.work(ctx, id) })
	}
}

// work handles the records of a key until none waits.
func (k *perKey) work(ctx context.Context, id partKey) {
	for r := k.next(id); r != nil; r = k.next(id) {
		select {
		case k.calls <- struct{}{}:
		case <-ctx.Done():
			return
		}
		err := Wait(ctx, k.spec.Handler)
		<-k.calls
		if err != nil {
			return
		}
		k.mu.Lock()
		l := k.parts[id.partition]
		l.done[r.Offset-l.first] = true
		k.mu.Unlock()
		<-k.room
		k.meter.Add(1, len(r.Value))
	}
}

func (k *perKey) next(id partKey) *kgo.Record {
	k.mu.Lock()
	defer k.mu.Unlock()
	waiting := k.keys[id]
	if len(waiting) == 0 {
		delete(k.keys, id)
		return nil
	}
	k.keys[id] = waiting[1:]
	return waiting[0]
}

func (k *perKey) commitLoop(ctx context.Context, client *kgo.Client) {
	t := time.NewTicker(CommitInterval)
	defer t.Stop()
	for {
		select {
		case <-t.C:
		case <-ctx.Done():
			return
		}
		client.CommitOffsetsSync(ctx, k.marks(), nil)
	}
}

// marks forgets what is done from the beginning on, and returns how far that is.
func (k *perKey) marks() map[string]map[int32]kgo.EpochOffset {
	k.mu.Lock()
	defer k.mu.Unlock()
	at := make(map[int32]kgo.EpochOffset, len(k.parts))
	for partition, l := range k.parts {
		n := 0
		for n < len(l.done) && l.done[n] {
			n++
		}
		l.first += int64(n)
		l.done = append(l.done[:0:0], l.done[n:]...)
		at[partition] = kgo.EpochOffset{Epoch: -1, Offset: l.first}
	}
	return map[string]map[int32]kgo.EpochOffset{k.spec.Topic: at}
}
