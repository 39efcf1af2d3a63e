package lab

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/weir-kafka/weir/integration/checker"
	"github.com/weir-kafka/weir/integration/ledger"
)

// pipelineFile is what the processes under test run.
const pipelineFile = `name: orders
kafka:
  brokers: [127.0.0.1:9092]
  group: ` + Group + `
  topics: [` + Topic + `]
memory: %s
handlers:
  - map: {expression: '{key: .key, n: .n, partition: .partition, offset: .offset, poison: .poison}'}
sink:
  http: {url: http://127.0.0.1, batch: %s, max_messages: %d}
  timeout: %s
failure:
  attempts: %d
  dead_letter: {kafka: {topic: ` + DeadTopic + `}}
admin: {listen: 127.0.0.1:0}
log: {format: json}
`

// Config is what is different from lab to lab.
type Config struct {
	Bin, Dir string
	Records  Records
	Memory   string
	Batch    string // as of the sink http
	Messages int    // in a batch
	Timeout  time.Duration
	Attempts int
	Mood     Mood
	// Grace is for how long after its end a fault may still be the reason of a lost
	// session, and Progress for how long lag may stand still after all of them.
	Grace, Progress time.Duration
}

// Lab is a broker, a service, the members between them, and the ledger.
type Lab struct {
	Log *ledger.Log

	bin, dir, file, url string
	sessions            *ledger.Sessions
	commits             *ledger.Commits
	journal             *journal
	dead                *deadLetters
	broker              *broker
	service             *service
	producer            *producer
	endService          func()
	shaken              atomic.Int64 // beginnings and ends of the broker's faults

	mu      sync.Mutex
	members []*Member
}

// Open starts what members need. ctx ends the processes too.
func Open(ctx context.Context, c Config) (l *Lab, err error) {
	l = &Lab{bin: c.Bin, dir: c.Dir, file: filepath.Join(c.Dir, "orders.yaml")}
	l.Log = ledger.NewLog(ledger.History{Ordered: "key", Grace: c.Grace, Progress: c.Progress}, nil)
	l.sessions = ledger.NewSessions(l.Log)
	l.journal = &journal{sessions: l.sessions}
	l.dead = &deadLetters{log: l.Log, known: map[place]int{}, closed: map[int64]closing{}}
	l.service = &service{lab: l, unknown: map[int64]closing{}}
	l.service.mood.Store(&c.Mood)
	if err := os.MkdirAll(c.Dir, 0o700); err != nil {
		return nil, err
	}
	file := fmt.Appendf(nil, pipelineFile, c.Memory, c.Batch, c.Messages, c.Timeout, c.Attempts)
	if err := os.WriteFile(l.file, file, 0o600); err != nil {
		return nil, err
	}
	if l.broker, err = startBroker(ctx, c.Bin, filepath.Join(c.Dir, "broker"), "127.0.0.1:0"); err != nil {
		return nil, err
	}
	if err := l.open(ctx, c.Records); err != nil {
		l.broker.kill()
		return nil, err
	}
	return l, nil
}

func (l *Lab) open(ctx context.Context, r Records) (err error) {
	if l.producer, err = newProducer(l.broker.address, r, l.Log); err != nil {
		return err
	}
	topics, err := kadm.NewClient(l.producer.client).ListTopics(ctx, Topic)
	if err != nil {
		return fmt.Errorf("topics: %w", err)
	}
	id := topics[Topic].ID
	l.commits = ledger.NewCommits(l.Log, func(of [16]byte) string {
		if of != id {
			return "unknown"
		}
		return Topic
	})
	l.url, l.endService, err = l.service.serve(ctx)
	return err
}

// Close ends what Open has started.
func (l *Lab) Close() {
	l.endService()
	l.producer.client.Close()
	l.broker.kill()
}

// Produce writes count() records 40 times a second until ctx ends.
func (l *Lab) Produce(ctx context.Context, count func() int) error { return l.producer.run(ctx, count) }

// Behave changes how the service treats calls.
func (l *Lab) Behave(m Mood) { l.service.mood.Store(&m) }

// Produced is how many records the broker has.
func (l *Lab) Produced() int { return l.producer.made() }

// Taken is how many effects the service has had, repetitions included.
func (l *Lab) Taken() int64 { return l.service.taken.Load() }

// RestartBroker ends the broker and starts another with the same data and address.
// Nothing is written meanwhile. It returns the ends of the log.
func (l *Lab) RestartBroker(ctx context.Context, how End) (ends []int64, err error) {
	l.producer.mu.Lock()
	defer l.producer.mu.Unlock()
	note, scope := how.fault()
	l.shaken.Add(1)
	defer l.shaken.Add(1)
	l.Log.Add(ledger.Event{Kind: ledger.Fault, Note: note, Scope: scope})
	defer l.Log.Add(ledger.Event{Kind: ledger.Clear, Note: note, Scope: scope})
	return slices.Clone(l.producer.ends), l.broker.restart(ctx, l.bin, how)
}

// Lag is how many records the group has not committed, -1 when nobody says.
func (l *Lab) Lag(ctx context.Context) int64 { return l.Behind(ctx, l.producer.written()) }

// Behind is how many records before ends, one for each partition, the group has not
// committed, -1 when nobody says.
func (l *Lab) Behind(ctx context.Context, ends []int64) (lag int64) {
	missing := l.Missing(ctx, ends)
	if missing == nil {
		return -1
	}
	for _, n := range missing {
		lag += n
	}
	return lag
}

// Missing is [Lab.Behind] for each partition, nil when nobody says.
func (l *Lab) Missing(ctx context.Context, ends []int64) []int64 {
	committed, err := kadm.NewClient(l.producer.client).FetchOffsets(ctx, Group)
	if err != nil {
		return nil
	}
	missing := make([]int64, len(ends))
	for p, end := range ends {
		o, _ := committed.Lookup(Topic, int32(p)) //nolint:gosec // few
		missing[p] = max(end-max(o.At, 0), 0)
	}
	return missing
}

// Rest is Calm and Judge.
func (l *Lab) Rest(ctx context.Context, limit time.Duration, ms ...*Member) (*checker.Report, error) {
	err := l.Calm(ctx, limit)
	r, e := l.Judge(ctx, ms...)
	return r, errors.Join(err, e)
}

// Calm waits until everything is committed. No fault may be in force.
func (l *Lab) Calm(ctx context.Context, limit time.Duration) error {
	l.Log.Add(ledger.Event{Kind: ledger.Calm})
	err := Until(ctx, limit, "everything is committed", func() bool { return l.Lag(ctx) == 0 })
	if err == nil {
		l.Log.Add(ledger.Event{Kind: ledger.Rest})
	}
	return err
}

// Judge stops the members and returns what the checker says. With an error the
// report is there all the same unless it is nil.
func (l *Lab) Judge(ctx context.Context, ms ...*Member) (_ *checker.Report, err error) {
	for _, m := range ms {
		err = errors.Join(err, m.Stop())
	}
	there, e := l.readLetters(ctx)
	if e != nil {
		return nil, errors.Join(err, e)
	}
	h, e := l.history(there)
	if e != nil {
		return nil, errors.Join(err, e)
	}
	return checker.Check(h, checker.Options{Unfenced: true}), err
}

// history is the ledger with what was known only afterwards: which answers were
// perhaps not read, and which dead letters never came to be.
func (l *Lab) history(there map[place]int) (*ledger.History, error) {
	missing, err := l.dead.missing(there)
	if err != nil {
		return nil, err
	}
	h := l.Log.History()
	h.Events = slices.DeleteFunc(h.Events, func(e ledger.Event) bool {
		return e.Kind == ledger.Effect && missing[e.ID]
	})
	l.service.mu.Lock()
	defer l.service.mu.Unlock()
	for i := range h.Events {
		e := &h.Events[i]
		if e.Kind != ledger.Effect {
			continue
		}
		c, ok := l.service.unknown[e.ID]
		if !ok {
			c, ok = l.dead.closed[e.ID]
		}
		if ok {
			// What ended with the process is not excused by that: it is what the process
			// had said that it would repeat.
			died := l.member(c.instance).died
			e.Unknown = died.IsZero() || c.at.Before(died)
		}
	}
	return h, nil
}

// Until waits for cond, at most for limit.
func Until(parent context.Context, limit time.Duration, what string, cond func() bool) error {
	ctx, cancel := context.WithTimeout(parent, limit)
	defer cancel()
	t := time.NewTicker(50 * time.Millisecond)
	defer t.Stop()
	for !cond() {
		select {
		case <-ctx.Done():
			return fmt.Errorf("not in time: %s", what)
		case <-t.C:
		}
	}
	return nil
}
