package proof

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/integration/ledger"
	"github.com/weir-kafka/weir/sink"
)

// member is one instance of the engine.
type member struct {
	*consumer.Consumer
	n        int
	id       int // what it is called in the plan: a process that restarts keeps it
	s        *scenario
	log      *ledger.Log
	sessions *ledger.Sessions
	link     *link
	sinks    [2]*ledger.Sink
	cancel   context.CancelFunc
	done     chan struct{} // closed when Run has returned
	gone     chan struct{} // closed when nothing more comes from it
	err      error
	leaving  atomic.Bool // asked to
	dead     atomic.Bool
	ahead    atomic.Int64 // by which its clock is
	bound    atomic.Int64 // the last duplicates_if_killed that was scraped
}

// start begins process n of the name id.
func (t *trial) start(n, id int) error {
	m := &member{n: n, id: id, s: &t.s, log: t.log, sessions: t.sessions, link: newLink(t.wire), done: make(chan struct{}), gone: make(chan struct{})}
	out := func(k int, st *store, o ledger.Outcome) consumer.Output {
		m.sinks[k] = &ledger.Sink{Log: t.log, Instance: n, Outcome: o, Sessions: t.sessions}
		return consumer.Output{Sink: &way{store: st, effects: m.sinks[k], limit: t.s.batch}}
	}
	p := consumer.Pipeline{Handler: m, Sink: out(0, t.store, ledger.Delivered), DeadLetter: out(1, t.letters, ledger.DeadLetter)}
	c, err := consumer.New(t.config(id), p, consumer.WithLogger(slog.New(&journal{m: m})), consumer.WithNow(m.now), consumer.WithClientOptions(
		kgo.Dialer(m.link.DialContext), kgo.ClientID(clientName(n)), kgo.DisableClientMetrics(), kgo.MetadataMaxAge(15*time.Second),
	))
	if err != nil {
		return fmt.Errorf("proof: instance %d: %w", n, err)
	}
	m.Consumer = c
	ctx, cancel := context.WithCancel(context.Background())
	m.cancel = cancel
	t.mu.Lock()
	t.members[n] = m
	t.mu.Unlock()
	t.log.Add(ledger.Event{Kind: ledger.Start, Instance: n})
	go m.run(ctx)
	return nil
}

// run lives as long as the process does, and then looks for what it left behind.
func (m *member) run(ctx context.Context) {
	defer close(m.gone)
	m.label(ctx, func(ctx context.Context) { m.err = m.Run(ctx) })
	if !m.dead.Load() {
		e := ledger.Event{Kind: ledger.Stopped, Instance: m.n, Clean: m.err == nil}
		if m.err != nil {
			e.Note = m.err.Error()
		}
		m.log.Add(e)
	}
	close(m.done)
	time.Sleep(deafTime + time.Second) // a sink may be deaf to the end
	m.log.Add(ledger.Event{Kind: ledger.Sampled, Instance: m.n, Sample: &ledger.Sample{Goroutines: 1 + m.left(), Baseline: 1}})
}

// now is the member's clock.
func (m *member) now() time.Time { return time.Now().Add(time.Duration(m.ahead.Load())) }

func (t *trial) config(id int) consumer.Config {
	cfg := consumer.DefaultConfig()
	cfg.Kafka.Brokers = t.seeds
	cfg.Kafka.Group, cfg.Kafka.Topics, cfg.Kafka.Protocol = group, []string{topic}, t.s.protocol
	cfg.Kafka.SessionTimeout, cfg.Kafka.RebalanceTimeout = sessionTimeout, rebalanceTimeout
	cfg.Order, cfg.Memory, cfg.Drain = t.s.order, t.s.memory, drainTime
	if t.s.families[statics] {
		cfg.Kafka.InstanceID = "id-" + strconv.Itoa(id)
	}
	return cfg
}

// leave asks for a graceful end.
func (m *member) leave() {
	if m.leaving.Load() || m.dead.Load() {
		return
	}
	m.leaving.Store(true)
	m.log.Add(ledger.Event{Kind: ledger.Stop, Instance: m.n})
	m.cancel()
}

// kill takes everything outside away.
func (m *member) kill() {
	bound := max(m.bound.Load(), m.Explain().DuplicatesIfKilled) // what a scrape at this moment would see
	m.dead.Store(true)
	for _, s := range m.sinks {
		s.Kill()
	}
	m.log.Add(ledger.Event{Kind: ledger.Killed, Instance: m.n, Bound: bound})
	m.link.kill()
	m.leaving.Store(true)
	m.cancel()
}

// heal lets a member that was cut off or frozen reach the brokers again, and
// reports whether it was.
func (m *member) heal() bool {
	healed, thawed := m.link.heal(), m.link.thaw()
	if healed || thawed {
		m.log.Add(ledger.Event{Kind: ledger.Healed, Instance: m.n})
	}
	return healed || thawed
}

// alive reports whether it takes part, as far as the plan knows.
func (m *member) alive() bool { return !m.leaving.Load() }

// Handle implements handlers.Handler.
func (m *member) Handle(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
	if m.s.families[handling] {
		h := ledger.Hash(rec.Key, rec.Value) ^ m.s.seed
		rnd := rand.New(rand.NewPCG(h, 6)) //nolint:gosec // the same for the same record
		switch rnd.IntN(60) {
		case 0:
			wait(ctx, time.Duration(rnd.IntN(4000))*time.Millisecond)
		case 1, 2, 3:
			wait(ctx, time.Duration(rnd.IntN(40))*time.Millisecond)
		}
	}
	switch classOf(rec.Value) {
	case skipped:
		if !m.dead.Load() {
			m.log.Add(ledger.Event{
				Kind: ledger.Effect, Instance: m.n, Partition: ledger.Partition{Topic: rec.Topic, Partition: rec.Partition},
				Offset: rec.Offset, Key: string(rec.Key), Outcome: ledger.Skipped,
			})
		}
		return nil
	case rejected:
		return flow.Permanent(errors.New("the handler rejects this"))
	case panics:
		panic("the handler can not do this")
	case stumbles:
		if rec.Attempt < 3 {
			return errors.New("not yet")
		}
	default:
	}
	emit(sink.Message{Key: rec.Key, Value: rec.Value})
	return nil
}

// journal reads from a member's log when its sessions begin and end.
type journal struct {
	slog.Handler
	m *member
}

// Enabled implements slog.Handler.
func (j *journal) Enabled(_ context.Context, l slog.Level) bool { return l >= slog.LevelInfo }

// Handle implements slog.Handler.
func (j *journal) Handle(_ context.Context, r slog.Record) error {
	if os.Getenv("WEIR_LOG") != "" {
		j.print(r)
	}
	if j.m.dead.Load() {
		return nil
	}
	switch r.Message {
	case "partitions assigned":
		j.m.sessions.Assign(j.m.n, named(attr(r, "partitions"))...)
	case "partitions lost; what was in flight may be repeated by their new owner":
		j.m.sessions.Lose(j.m.n, named(attr(r, "partitions"))...)
	case "partition lost while it was drained":
		n, _ := attr(r, "partition").Any().(int64)
		j.m.sessions.Lose(j.m.n, ledger.Partition{Topic: attr(r, "topic").String(), Partition: int32(n)}) //nolint:gosec // a partition
	case "partitions drained": // those that it does not report any more: one may be its own again by now
		// Giving up before the time is over is no excuse for what is left. When it is
		// over, something may be done between the commit and the end: then nothing is
		// left, and it is not committed either.
		clean := attr(r, "committed").Bool() && attr(r, "waited").Duration() < drainTime*4/5
		left := map[ledger.Partition]bool{}
		for _, p := range j.m.Explain().Partitions {
			left[ledger.Partition{Topic: p.Topic, Partition: p.Partition}] = true
		}
		for _, p := range j.m.sessions.Held(j.m.n) {
			if !left[p] {
				j.m.sessions.Revoke(j.m.n, clean, p)
			}
		}
	}
	return nil
}

func (j *journal) print(r slog.Record) {
	var b strings.Builder
	fmt.Fprintf(&b, "%s #%d %s %s", j.m.log.Now(), j.m.n, r.Level, r.Message)
	r.Attrs(func(a slog.Attr) bool {
		fmt.Fprintf(&b, " %s=%v", a.Key, a.Value)
		return true
	})
	fmt.Fprintln(os.Stderr, b.String())
}

func attr(r slog.Record, key string) (v slog.Value) {
	r.Attrs(func(a slog.Attr) bool {
		if a.Key == key {
			v = a.Value
		}
		return a.Key != key
	})
	return v
}

// named reads names such as in/3.
func named(v slog.Value) (ps []ledger.Partition) {
	list, _ := v.Any().([]string)
	for _, s := range list {
		t, n, _ := strings.Cut(s, "/")
		i, _ := strconv.Atoi(n)
		ps = append(ps, ledger.Partition{Topic: t, Partition: int32(i)}) //nolint:gosec // a partition
	}
	return ps
}
