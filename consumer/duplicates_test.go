//go:build synctests

package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weir-kafka/weir/consumer"
	"github.com/weir-kafka/weir/consumer/internal/offset"
	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/handlers"
	"github.com/weir-kafka/weir/sink"
)

// killModel knows nothing of the engine: it has what the sink took from each member
// and what the broker has of the group, and counts what a kill would repeat.
type killModel struct {
	l *lab

	mu      sync.Mutex
	effects map[string]map[sink.Position]bool // by member
}

// took notes an effect, and returns whether the member's bound counted it before.
func (k *killModel) took(member string, m sink.Message) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.effects[member] == nil {
		k.effects[member] = map[sink.Position]bool{}
	}
	p := m.Source
	p.Index = 0
	k.effects[member][p] = true
}

// repeats is how many records that a member had effects of the group has not committed.
func (k *killModel) repeats(member string) (n int64) {
	k.mu.Lock()
	defer k.mu.Unlock()
	g := k.l.cluster.GroupInfo(group)
	for p := range k.effects[member] {
		if g != nil {
			c := g.Commits[topic][p.Partition]
			done, _ := offset.ParseMap(c.Metadata, c.Offset)
			if p.Offset < c.Offset || done.Done(p.Offset, 0) {
				continue
			}
		}
		n++
	}
	return n
}

// chancy is a sink of one member that fails in every way, and looks at the bound.
type chancy struct {
	k    *killModel
	name string
	m    func() *member
	rnd  func(n int) int
}

func (s *chancy) Write(ctx context.Context, batch []sink.Message) error {
	wait(ctx, time.Duration(s.rnd(300))*time.Millisecond)
	took := batch[:s.rnd(len(batch)+1)]
	what := s.rnd(8)
	if what > 2 {
		took = batch
	}
	for i := range took {
		s.k.took(s.name, took[i])
	}
	if got, want := s.m().RepeatedIfKilled(), s.k.repeats(s.name); got < want {
		s.k.l.Errorf("%s exports %d repeated if killed in a write, want at least %d", s.name, got, want)
	}
	wait(ctx, time.Duration(s.rnd(300))*time.Millisecond)
	switch {
	case what == 0:
		return errors.New("nobody knows")
	case what == 1:
		return flow.Overloaded(errors.New("nobody knows"), 0)
	case what == 2 && len(took) < len(batch):
		var e sink.BatchError
		for i := len(took); i < len(batch); i++ {
			e.Add(i, errors.New("not this one"))
		}
		return &e
	}
	return nil
}

// Whatever becomes of writes, commits, maps and partitions, no effect is there before
// the bound counts it, and none leaves the bound before a commit covers it.
func TestTheBoundOfWhatAKillRepeatsIsNeverShort(t *testing.T) {
	for seed := range uint64(12) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			inLab(t, 3, func(l *lab) { l.boundHolds(seed) })
		})
	}
}

func (l *lab) boundHolds(seed uint64) {
	k := &killModel{l: l, effects: map[string]map[sink.Position]bool{}}
	rnd := rand.New(rand.NewPCG(seed, 1))
	refusals := l.refuseCommits(rand.New(rand.NewPCG(seed, 2)))
	defer func() {
		for _, r := range refusals {
			r.Remove()
		}
	}()
	var members []*member
	start := func() {
		n := len(members)
		var m *member
		var mu sync.Mutex
		dice := rand.New(rand.NewPCG(seed, uint64(n+2)))
		s := &chancy{k: k, name: fmt.Sprintf("m%d", n), m: func() *member { mu.Lock(); defer mu.Unlock(); return m }, rnd: func(n int) int {
			mu.Lock()
			defer mu.Unlock()
			return dice.IntN(n)
		}}
		cfg := l.config()
		cfg.Drain = 300 * time.Millisecond
		cfg.Kafka.RebalanceTimeout, cfg.Kafka.SessionTimeout = 10*time.Second, 8*time.Second
		if seed%2 == 1 {
			cfg.Order = consumer.OrderNone
		}
		slow := handlers.Func(func(ctx context.Context, rec *handlers.Record, emit handlers.Emit) error {
			wait(ctx, time.Duration(s.rnd(30))*time.Millisecond)
			emit(rec.Message())
			return nil
		})
		mu.Lock()
		m = l.run(cfg, consumer.Pipeline{Handler: slow, Sink: consumer.Output{Sink: s}})
		mu.Unlock()
		members = append(members, m)
	}
	l.produce(3, 300, 40)
	start()
	for step := range 300 {
		time.Sleep(time.Duration(rnd.IntN(120)) * time.Millisecond)
		switch {
		case step == 60, step == 150:
			start()
		case step == 210:
			members[0].stop()
		case step%50 == 0:
			l.produce(3, 100, 40)
		}
		synctest.Wait()
		for i, m := range members {
			if got, want := m.RepeatedIfKilled(), k.repeats(fmt.Sprintf("m%d", i)); got < want && !(i == 0 && step > 210) {
				l.Fatalf("m%d exports %d repeated if killed, want at least %d", i, got, want)
			}
		}
	}
}

// refuseCommits has commits refused, late and applied without an answer.
func (l *lab) refuseCommits(rnd *rand.Rand) (hs []*kfake.FaultHandle) {
	for _, e := range []*kerr.Error{kerr.OffsetMetadataTooLarge, kerr.RebalanceInProgress, kerr.UnknownMemberID, kerr.RequestTimedOut} {
		hs = append(hs, l.cluster.Fault(kfake.Fault{
			Keys: []kmsg.Key{kmsg.OffsetCommit}, Err: e, Count: -1,
			When: func(kmsg.Request) bool { return rnd.IntN(12) == 0 },
		}))
	}
	return hs
}
