//go:build crashpoints

package consumer

import (
	"context"
	"net/http/httptrace"
	"sync"
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weir-kafka/weir/flow"
	"github.com/weir-kafka/weir/internal/crash"
)

// crashWrite writes down, before each effect, what a kill would repeat, and
// ends the process, if that is the plan, once a request is on its way.
func crashWrite(ctx context.Context, s *writeStage) context.Context {
	crash.Export(s.c.repeatedIfKilled)
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteRequest: func(httptrace.WroteRequestInfo) {
		if _, ok := overloaded.Load(s); ok && s.limiter.InFlight() == 1 {
			crash.At(crash.ProbeInFlight)
		}
		crash.At(crash.EffectSent)
	}})
}

// repeatedIfKilled is exact for this moment, unlike the bound that Explain gives for
// a kill that comes within a commit interval.
func (c *Consumer) repeatedIfKilled() (n int64) {
	now := time.Now()
	for _, p := range c.partitions() {
		n += p.report(now).DuplicatesIfKilled
	}
	return n
}

// overloaded holds the stages that answered last that they are overloaded: one call
// finds out when that is over.
var overloaded sync.Map //nolint:gochecknoglobals // of a process that is made to end

// crashAnswered ends the process where what a sink took is forgotten.
func crashAnswered(s *writeStage, v flow.Verdict, acked int) {
	if v == flow.Overload {
		overloaded.Store(s, nil)
	} else {
		overloaded.Delete(s)
	}
	switch {
	case acked > 0 && s.final:
		crash.At(crash.DeadLetterAcked)
	case acked > 0:
		crash.At(crash.Acked)
	}
}

// mapOnItsWay says that the commit under way carries a completion map.
var mapOnItsWay atomic.Bool //nolint:gochecknoglobals // of a process that is made to end

func crashCommit(marks map[tp]mark) {
	carries := false
	for _, m := range marks {
		carries = carries || m.metadata != ""
	}
	mapOnItsWay.Store(carries)
}

func crashOptions() []kgo.Opt { return []kgo.Opt{kgo.WithHooks(crashHook{})} }

// crashHook is told when a request has been written and not been answered.
type crashHook struct{}

// OnBrokerWrite implements kgo.HookBrokerWrite.
func (crashHook) OnBrokerWrite(_ kgo.BrokerMetadata, key int16, _ int, _, _ time.Duration, err error) {
	if err != nil {
		return
	}
	switch key {
	case int16(kmsg.Produce): // the dead letters
		crash.At(crash.DeadLetterSent)
	case int16(kmsg.OffsetCommit):
		if mapOnItsWay.Load() {
			crash.At(crash.MapSent)
		}
		crash.At(crash.CommitSent)
	}
}
