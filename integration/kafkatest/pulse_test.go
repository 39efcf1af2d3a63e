package kafkatest_test

import (
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// pulse measures the heartbeats of a member that were answered: a hook of its client.
type pulse struct {
	mu      sync.Mutex
	beats   int
	last    time.Time     // when the last one was sent
	longest time.Duration // between two of them
}

var _ kgo.HookBrokerE2E = (*pulse)(nil)

// OnBrokerE2E implements kgo.HookBrokerE2E.
func (p *pulse) OnBrokerE2E(_ kgo.BrokerMetadata, key int16, e2e kgo.BrokerE2E) {
	if k := kmsg.Key(key); k != kmsg.Heartbeat && k != kmsg.ConsumerGroupHeartbeat || e2e.Err() != nil {
		return
	}
	p.beat(time.Now().Add(-e2e.DurationE2E()))
}

func (p *pulse) beat(sent time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.last.IsZero() {
		p.longest = max(p.longest, sent.Sub(p.last))
	}
	p.last = sent
	p.beats++
}

// begin forgets what was measured: while a group forms, a classic member is in a join.
func (p *pulse) begin() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.beats, p.longest, p.last = 0, 0, time.Now()
}

// read returns the longest time without a heartbeat, the one that still goes on too.
func (p *pulse) read() (beats int, longest time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.beats, max(p.longest, time.Since(p.last))
}
