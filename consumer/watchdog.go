package consumer

import (
	"sync/atomic"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"
)

// watchdog hears whether the group's coordinator answers this member.
//
// A member of a KIP-848 group that has no partitions sends nothing but heartbeats,
// and the client never looks for another coordinator because of one: when the
// coordinator dies, it dials the dead broker for ever and takes over from nobody.
// Looking at the metadata cures it: a broker that is gone from there has its
// coordination looked up anew by the next heartbeat. See docs/upstream.md.
type watchdog struct {
	now   func() time.Time
	heard atomic.Int64 // when the coordinator answered, or was last looked for
	fence fence
	group func() (member string, epoch int32) // as of the last answer that was acted on
	epoch atomic.Int32                        // before the last heartbeat of a KIP-848 group was answered
}

var _ kgo.HookBrokerE2E = (*watchdog)(nil)

// OnBrokerE2E implements kgo.HookBrokerE2E.
func (w *watchdog) OnBrokerE2E(_ kgo.BrokerMetadata, key int16, e2e kgo.BrokerE2E) {
	if e2e.Err() != nil {
		return
	}
	now := w.now()
	sent := now.Add(-e2e.DurationE2E())
	switch kmsg.Key(key) {
	case kmsg.ConsumerGroupHeartbeat:
		_, epoch := w.group()
		w.epoch.Store(epoch)
		w.fence.answered(sent)
	case kmsg.JoinGroup, kmsg.Heartbeat:
		w.fence.answered(sent)
	case kmsg.SyncGroup:
		w.fence.shared(sent)
	default:
		return
	}
	w.heard.Store(now.UnixNano())
}

// start begins to listen.
func (w *watchdog) start(k KafkaConfig) {
	w.heard.Store(w.now().UnixNano())
	session := k.SessionTimeout
	if k.Protocol == ProtocolConsumer {
		session = max(session, leastSession)
	}
	w.fence.start(w.now, session)
}

// leastSession is three heartbeats of a KIP-848 group at a broker's defaults.
const leastSession = 15 * time.Second

// silent returns true each time that nothing was heard for the time given.
func (w *watchdog) silent(limit time.Duration) bool {
	now, heard := w.now().UnixNano(), w.heard.Load()
	return time.Duration(now-heard) > limit && w.heard.CompareAndSwap(heard, now)
}

// longestSilence is two heartbeats of a KIP-848 group at a broker's defaults.
const longestSilence = 10 * time.Second

// watchGroup makes the client look at the metadata when the coordinator has been
// silent for a third of the session: early enough that it is found before the
// session ends. That costs a request and is harmless where it is wrong: the answer
// to a join takes as long as the group does.
func (c *Consumer) watchGroup() {
	c.watchdog.fence.say(c.log)
	if c.watchdog.silent(min(c.cfg.Kafka.SessionTimeout/3, longestSilence)) {
		c.log.Info("the group's coordinator is silent; looking for it again", "group", c.cfg.Kafka.Group)
		c.client.ForceMetadataRefresh()
	}
}
