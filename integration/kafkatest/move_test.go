package kafkatest_test

import (
	"testing"
	"time"

	"github.com/weir-kafka/weir/consumer"
)

// A group moves from one protocol to the other member by member, under load.
func TestARollingMoveBetweenProtocolsRepeatsNothing(t *testing.T) {
	t.Parallel()
	for name, way := range map[string][2]consumer.Protocol{
		"classic to consumer": {consumer.ProtocolClassic, consumer.ProtocolConsumer},
		"consumer to classic": {consumer.ProtocolConsumer, consumer.ProtocolClassic},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l := newLab(t, shared(t, oneNode), 6)
			stop := l.flow(200)
			for range 3 {
				l.run(l.config(way[0]), l.to(nil))
			}
			l.shared()
			l.isProtocol(way[0])
			old := l.members
			for _, m := range old {
				must(t, m.end())
				l.run(l.config(way[1]), l.to(nil))
				time.Sleep(2 * time.Second)
			}
			l.members = l.members[len(old):]
			l.shared()
			l.isProtocol(way[1])
			stop()
			l.delivered(time.Minute)
			l.settled(0)
		})
	}
}

// What auto is, the other claims prove on every kind of broker: classic.
func TestAutoIsClassic(t *testing.T) {
	t.Parallel()
	l := newLab(t, shared(t, oneNode), 2)
	l.run(l.config(consumer.ProtocolAuto), l.to(nil))
	l.shared()
	l.isProtocol(consumer.ProtocolClassic)
}

// isProtocol checks by which protocol the broker runs the group: a client falls back
// in silence.
func (l *lab) isProtocol(want consumer.Protocol) {
	l.Helper()
	gs, err := l.c.Admin().ListGroupsByType(l.Context(), []string{string(want)})
	must(l.T, err)
	if _, ok := gs[l.group]; !ok {
		l.Errorf("the group is not run by the protocol %s", want)
	}
}
