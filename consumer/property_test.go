//go:build synctests

package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/sink"
)

// world decides every fault of one run from a seed and checks what it sees: who
// is in the handler or a sink at the same time, in which order, how often.
type world struct {
	t          *testing.T
	seed       uint64
	order      consumer.Order
	partitions int32 // with faults
	tenant     func(*handlers.Record) string
	timeout    time.Duration // of a handler call
	large      int           // bytes of a value, about

	mu       sync.Mutex
	wrong    []string
	handling map[string]int64  // domain -> offset in the handler
	handled  map[string]int    // record -> calls that succeeded
	emitted  map[string]int    // "sink message" -> attempt of the call that succeeded
	pending  map[string]int    // what the call in progress has emitted
	newest   map[string]int64  // domain -> highest offset handled
	letters  map[string]int    // record -> dead letters
	sinks    map[string]*trial // by route
}

func newWorld(t *testing.T, seed uint64, order consumer.Order, partitions int) *world {
	w := &world{
		t: t, seed: seed, order: order, partitions: int32(partitions), handling: map[string]int64{}, handled: map[string]int{}, emitted: map[string]int{},
		pending: map[string]int{}, newest: map[string]int64{}, letters: map[string]int{}, sinks: map[string]*trial{},
	}
	for i, name := range []string{"", "b", "c", "dead"} {
		rnd := rand.New(rand.NewPCG(seed, uint64(i)))
		s := &trial{
			w: w, name: name, rnd: rnd, wild: true, writing: map[string]bool{}, acked: map[string]int{},
			unknown: map[string]bool{}, newest: map[string]place{},
		}
		if rnd.IntN(2) == 0 {
			s.limits = sink.Limits{Messages: 1 + rnd.IntN(40), Bytes: 50 + rnd.IntN(1000)}
		}
		w.sinks[name] = s
	}
	return w
}

func (w *world) blame(format string, args ...any) { // under mu
	if len(w.wrong) < 10 {
		w.wrong = append(w.wrong, fmt.Sprintf(format, args...))
	}
}

// chance is a die that falls the same way for the same record and purpose.
func (w *world) chance(p sink.Position, purpose string, n int) int {
	h := w.seed*0x9e3779b97f4a7c15 + uint64(p.Partition)<<40 + uint64(p.Offset)
	for _, c := range purpose {
		h = (h ^ uint64(c)) * 0x100000001b3
	}
	return rand.New(rand.NewPCG(h, w.seed)).IntN(n)
}

// domain is what must stay in order.
func (w *world) domain(p sink.Position, key []byte) string {
	switch {
	case w.order == consumer.OrderPartition:
		return strconv.Itoa(int(p.Partition))
	case w.order == consumer.OrderNone, key == nil:
		p.Index = 0
		return p.String()
	}
	return fmt.Sprintf("%d/%s", p.Partition, key)
}

// fan is how many messages a record becomes: few, or as many as a list has.
func (w *world) fan(p sink.Position) int {
	if w.chance(p, "list", 40) == 0 {
		return 6 + w.chance(p, "length", 300)
	}
	return w.chance(p, "fan", 6)
}

var routes = []string{"", "b", "c"}

// route is where message i of a record goes.
func (w *world) route(p sink.Position, i int) string {
	if w.steady(p) {
		return routes[i]
	}
	return routes[w.chance(p, "route"+strconv.Itoa(i), len(routes))]
}

// steady says that nothing is at fault with a record: it stands in the last
// partition, and shows that the sinks take something.
func (w *world) steady(p sink.Position) bool { return p.Partition == w.partitions }

// Handle implements handlers.Handler.
func (w *world) Handle(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
	pos := sink.Position{Topic: rec.Topic, Partition: rec.Partition, Offset: rec.Offset}
	d := w.domain(pos, rec.Key)
	w.mu.Lock()
	if other, busy := w.handling[d]; busy {
		w.blame("offsets %d and %d of %s are in the handler together", other, rec.Offset, d)
	}
	if rec.Offset < w.newest[d] {
		w.blame("%s: offset %d handled after %d", d, rec.Offset, w.newest[d])
	}
	w.handling[d], w.newest[d] = rec.Offset, rec.Offset
	w.mu.Unlock()
	messages, err := w.act(ctx, rec, pos, emit)
	defer func() {
		if messages < 0 {
			panic("boom")
		}
	}()
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.handling, d)
	if err == nil && messages >= 0 {
		if w.handled[pos.String()]++; w.handled[pos.String()] > 1 {
			w.blame("%s was handled again after it had succeeded", pos)
		}
		w.emitted[pos.String()] = rec.Attempt<<16 | messages
	}
	return err
}

// act emits and fails as the dice say; -1 messages means panic.
func (w *world) act(ctx context.Context, rec *handlers.Record, pos sink.Position, emit handlers.Emit) (int, error) {
	switch w.chance(pos, "slow", 40) {
	case 0:
		wait(ctx, 30*time.Millisecond)
	case 1:
		wait(ctx, time.Duration(w.chance(pos, "how slow", 5))*time.Second)
	case 2, 3, 4:
		wait(ctx, time.Millisecond)
	case 5:
		if w.chance(pos, "deaf", 10) == 0 && rec.Attempt == 1 {
			time.Sleep(w.timeout + time.Duration(w.chance(pos, "how deaf", 20))*time.Second)
		}
	}
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	if w.steady(pos) {
		for _, route := range routes {
			emit(sink.Message{Key: rec.Key, Value: rec.Value, Route: route, Headers: []sink.Header{{Key: "attempt", Value: []byte(strconv.Itoa(rec.Attempt))}}})
		}
		return len(routes), nil
	}
	n := w.fan(pos)
	for i := range n {
		m := rec.Message()
		if n > 5 {
			m.Value = rec.Value[:1:1]
		} else if i%2 == 1 {
			m.Value = []byte("x" + string(rec.Value))
		}
		m.Headers = []sink.Header{{Key: "attempt", Value: []byte(strconv.Itoa(rec.Attempt))}}
		m.Route = w.route(pos, i)
		emit(m)
	}
	try := rec.Attempt
	switch k := w.chance(pos, "fate", 60); {
	case k == 0:
		return n, errors.New("always fails")
	case k == 1:
		return n, flow.Permanent(errors.New("rejected"))
	case k == 2:
		return -1, nil
	case k == 3 && try < 3:
		return n, errors.New("fails twice")
	case k == 4 && try < 2:
		return n, context.Canceled
	case k == 5:
		emit(sink.Message{Key: rec.Key, Route: "nowhere"})
		w.mu.Lock() // the engine rejects it: it does not count as handled
		w.handled[pos.String()]--
		w.mu.Unlock()
		return n, nil
	}
	return n, nil
}

func wait(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

// ended checks that every record has its end: each message acknowledged, or the
// record kept as a dead letter.
func (w *world) ended(partitions, n int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for p := range partitions {
		for o := range n {
			pos := sink.Position{Topic: topic, Partition: int32(p), Offset: int64(o)}
			dead := w.letters[pos.String()] > 0
			if w.handled[pos.String()] != 1 && !dead {
				w.blame("%s was handled %d times and is no dead letter", pos, w.handled[pos.String()])
			}
			for i := range w.emitted[pos.String()] & 0xffff {
				id := pos
				id.Index = int32(i)
				if route := w.route(pos, i); w.sinks[route].acked[id.String()] == 0 && !dead {
					w.blame("%s was emitted and never arrived", id)
				}
			}
		}
	}
	for _, v := range w.wrong {
		w.t.Errorf("seed %d: %s", w.seed, v)
	}
}

func (w *world) calm() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range w.sinks {
		s.wild = false
	}
}

// produceRandom writes n records to each partition, some without a key.
func (l *lab) produceRandom(rnd *rand.Rand, partitions, n, large int) {
	keys := 1 + rnd.IntN(60)
	var recs []*kgo.Record
	for p := range partitions {
		for i := range n {
			r := &kgo.Record{Topic: topic, Partition: int32(p), Value: []byte(strconv.Itoa(i))}
			if large > 0 {
				r.Value = append(r.Value, make([]byte, rnd.IntN(2*large))...)
			}
			if k := rnd.IntN(keys + 1); k > 0 {
				r.Key = []byte("k" + strconv.Itoa(k))
			}
			recs = append(recs, r)
		}
	}
	for chunk := range slices.Chunk(recs, 1+rnd.IntN(300)) {
		l.write(chunk...)
	}
}

// Whatever handlers and sinks do, every record ends once, in order, and nothing
// stays counted. WEIR_SEED runs one seed, WEIR_SEEDS that many.
func TestWhateverFailsEveryRecordEndsOnceAndInOrder(t *testing.T) { survive(t, false) }

// The same with tenants, of which several send the same keys.
func TestWithTenantsEveryRecordEndsOnceAndInOrder(t *testing.T) { survive(t, true) }

func survive(t *testing.T, tenants bool) {
	t.Helper()
	first, count := 1, 6
	if s := os.Getenv("WEIR_SEED"); s != "" {
		first, _ = strconv.Atoi(s)
		count = 1
	} else if s := os.Getenv("WEIR_SEEDS"); s != "" {
		count, _ = strconv.Atoi(s)
	}
	for _, order := range []consumer.Order{consumer.OrderKey, consumer.OrderPartition, consumer.OrderNone} {
		for seed := first; seed < first+count; seed++ {
			t.Run(fmt.Sprintf("%s/%d", order, seed), func(t *testing.T) {
				rnd := rand.New(rand.NewPCG(uint64(seed), 99))
				partitions, n := 1+rnd.IntN(3), 100+rnd.IntN(500)
				if order == consumer.OrderPartition {
					n = 60 // one at a time as soon as one fails
				}
				w := newWorld(t, uint64(seed), order, partitions)
				if tenants {
					w.tenant = func(rec *handlers.Record) string {
						return "t" + strconv.Itoa(w.chance(sink.Position{Partition: rec.Partition, Offset: rec.Offset}, "tenant", 5))
					}
				}
				inLab(t, int32(partitions)+1, func(l *lab) { l.survives(w, rnd, partitions, n) })
			})
		}
	}
}

// survives runs a pipeline in w to its end.
func (l *lab) survives(w *world, rnd *rand.Rand, partitions, n int) {
	l.Helper()
	cfg := l.config()
	cfg.Order = w.order
	if rnd.IntN(2) == 0 {
		cfg.HandlerTimeout = time.Duration(1+rnd.IntN(100)) * 20 * time.Millisecond
	}
	w.timeout = min(cfg.HandlerTimeout, time.Minute)
	if rnd.IntN(2) == 0 {
		cfg.Memory, w.large = 16<<20, 20<<10
	}
	l.produceRandom(rnd, partitions, n, w.large)
	if w.tenant != nil {
		cfg.Tenant.Limit = rnd.IntN(3) * rnd.IntN(20)
		cfg.Tenant.Rate.Count = float64(rnd.IntN(2) * (1 + rnd.IntN(500)))
	}
	out := func(name string) consumer.Output {
		o := consumer.Output{Sink: w.sinks[name]}
		if rnd.IntN(2) == 0 {
			o.Limit.Fixed = 1 + rnd.IntN(8)
		}
		switch rnd.IntN(6) {
		case 0:
			o.Rate.Count = float64(10 + rnd.IntN(500))
		case 1:
			o.Rate.Bytes = consumer.Bytes(1+rnd.IntN(64)) << 14
		}
		return o
	}
	m := l.run(cfg, consumer.Pipeline{
		Handler: w, Sink: out(""), Routes: map[string]consumer.Output{"b": out("b"), "c": out("c")}, DeadLetter: out("dead"), Tenant: w.tenant,
	}, consumer.WithHandlers(1+rnd.IntN(64)))
	time.Sleep(2 * time.Minute)
	w.calm()
	steady := 0
	l.until(4*time.Hour, fmt.Sprintf("seed %d: everything committed", w.seed), func() bool {
		l.write(&kgo.Record{Topic: topic, Partition: int32(partitions), Value: []byte("steady")})
		steady++
		time.Sleep(2 * time.Second)
		for p := range partitions {
			if l.committed(int32(p)) != int64(n) {
				return false
			}
		}
		return l.committed(int32(partitions)) == int64(steady)
	})
	for _, s := range m.Explain().Sinks {
		if s.QueuedMessages != 0 || s.InFlight != 0 || s.Deaf != 0 {
			l.Errorf("seed %d: sink %s counts %d queued messages, %d calls in flight, %d deaf", w.seed, s.Name, s.QueuedMessages, s.InFlight, s.Deaf)
		}
	}
	if most := m.Explain().Totals.MaxHeld; most > int64(cfg.Memory) {
		l.Errorf("seed %d: %d bytes were held of %d", w.seed, most, cfg.Memory)
	}
	if r := m.Explain(); r.HeldBytes != 0 || r.HeldRecords != 0 {
		l.Errorf("seed %d: %d bytes and %d records are still counted", w.seed, r.HeldBytes, r.HeldRecords)
	}
	for _, p := range m.Explain().Partitions {
		if p.HeldBytes != 0 || p.HeldRecords != 0 || p.LanesBusy != 0 {
			l.Errorf("seed %d: partition %d counts %d bytes, %d records, %d busy lanes", w.seed, p.Partition, p.HeldBytes, p.HeldRecords, p.LanesBusy)
		}
	}
	if w.tenant != nil {
		if waiting, handling, out := m.TenantCounts(); waiting != 0 || handling != 0 || out != 0 {
			l.Errorf("seed %d: tenants still count %d waiting, %d handled, %d held", w.seed, waiting, handling, out)
		}
	}
	m.mustEnd()
	w.ended(partitions, n)
}
