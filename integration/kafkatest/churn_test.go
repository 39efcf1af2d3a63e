package kafkatest_test

import (
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/weir-kafka/weir/consumer"
)

// Twelve members share eighty partitions; every half second up to 60 % of them stop
// or start, and some of those that stop are killed, until all is delivered.
func TestChurnOfTwelveMembersLosesNothingAndKeepsOrder(t *testing.T) {
	t.Parallel()
	for name, kills := range map[string]bool{"stops": false, "stops and kills": true} {
		for _, protocol := range []consumer.Protocol{consumer.ProtocolClassic, consumer.ProtocolConsumer} {
			t.Run(string(protocol)+" "+name, func(t *testing.T) {
				t.Parallel()
				churn(t, protocol, kills)
			})
		}
	}
}

func churn(t *testing.T, protocol consumer.Protocol, kills bool) {
	const members, partitions, records = 12, 80, 500_000
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	l := newLab(t, shared(t, busyNode), partitions)
	l.keys = 2000
	cfg := l.config(protocol)
	var alive []*member
	var ending sync.WaitGroup
	for range members {
		alive = append(alive, l.run(cfg, l.to(nil)))
	}
	produced := l.produceSteadily(records)
	allowed, stopped, killed := 0, 0, 0
	turn := func() {
		n := 1 + r.IntN(members*6/10)
		for range n {
			if len(alive) < members && r.IntN(2) == 0 || len(alive) <= members*4/10 {
				alive = append(alive, l.run(cfg, l.to(nil)))
				continue
			}
			i := r.IntN(len(alive))
			m := alive[i]
			alive = append(alive[:i], alive[i+1:]...)
			if kills && r.IntN(8) == 0 {
				allowed += m.kill()
				killed++
				continue
			}
			stopped++
			ending.Go(func() { _ = m.end() })
		}
	}
	started, turns := time.Now(), 0
	for l.churning(produced) && time.Since(started) < 3*time.Minute {
		time.Sleep(500 * time.Millisecond)
		turn()
		turns++
	}
	t.Logf("%d of %d delivered in %s and %d turns", l.ledger.distinct(), records, time.Since(started).Round(time.Second), turns)
	for len(alive) < members {
		alive = append(alive, l.run(cfg, l.to(nil)))
	}
	l.delivered(3 * time.Minute)
	ending.Wait()
	l.until(time.Minute, "the heirs of the killed have committed", func() bool { return len(l.uncommitted()) == 0 })
	t.Logf("%d members came, %d were stopped, %d killed; at most %d duplicates allowed", len(l.members), stopped, killed, allowed)
	l.settled(allowed)
}

// churning is until everything is produced and delivered.
func (l *lab) churning(produced <-chan struct{}) bool {
	select {
	case <-produced:
		return l.ledger.distinct() < l.produced()
	default:
		return true
	}
}

// produceSteadily takes ten seconds at least. The channel is closed at the end.
func (l *lab) produceSteadily(n int) <-chan struct{} {
	produced := make(chan struct{})
	go func() {
		defer close(produced)
		for range 50 {
			l.produce(n / 50)
			time.Sleep(200 * time.Millisecond)
		}
	}()
	return produced
}
