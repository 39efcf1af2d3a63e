package proof

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weir-kafka/weir/integration/ledger"
)

// do injects one fault.
func (t *trial) do(ctx context.Context, a action) error {
	t.faults[a.name()]++
	switch a.act {
	case join, leave, kill, cutOff, heal, snap:
		return t.member(a)
	case behave:
		t.passing(a, ledger.ScopeSink)
		s := t.store
		if a.letters {
			s = t.letters
		}
		s.behave(a.mode, a.lasts)
		return nil
	case refuse:
		t.answers[a.answer.name()]++
		t.log.Add(ledger.Event{Kind: ledger.Fault, Note: a.String(), Scope: "group"})
		h := t.cluster.Fault(kfake.Fault{Keys: []kmsg.Key{a.answer.key}, TopLevel: a.answer.top, Err: a.answer.err, Count: a.count})
		t.mu.Lock()
		t.refusals = append(t.refusals, installed{a, h})
		t.mu.Unlock()
		return nil
	default:
	}
	t.passing(a, "group")
	return t.broker(ctx, a)
}

// outOfRange reports whether a fetch was told that its offset is out of range. The
// client then goes back, and the engine takes it for another log.
func (t *trial) outOfRange() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, r := range t.refusals {
		if r.action.answer.err == kerr.OffsetOutOfRange && r.handle.Hits() > 0 {
			return true
		}
	}
	return false
}

// passing notes a fault that ends by itself.
func (t *trial) passing(a action, scope string) {
	t.log.Add(ledger.Event{Kind: ledger.Fault, Note: a.String(), Scope: scope})
	time.AfterFunc(a.lasts+a.delay, func() { t.log.Add(ledger.Event{Kind: ledger.Clear, Note: a.String(), Scope: scope}) })
}

func (t *trial) broker(ctx context.Context, a action) error {
	switch a.act {
	case nodeDown:
		if t.down[a.node] || len(t.down) == nodes-1 {
			return nil
		}
		if err := t.cluster.RemoveNode(a.node); err != nil {
			return fmt.Errorf("proof: node %d: %w", a.node, err)
		}
		t.down[a.node] = true
		t.wire.disconnect(a.node)
	case nodeUp:
		return t.up(a.node)
	case stall, slow:
		t.wire.slow(a.node, a.delay, a.lasts)
	case lead:
		if !t.down[a.node] {
			return t.cluster.MoveTopicPartition(topic, a.part, a.node)
		}
	case rehash:
		t.cluster.RehashCoordinators()
	case unreplied:
		t.wire.drop(a.key, a.count)
	case grow:
		t.grow(ctx, a.count)
	default:
		return fmt.Errorf("proof: nobody knows how %q is done", a.act)
	}
	return nil
}

func (t *trial) up(node int32) error {
	if !t.down[node] {
		return nil
	}
	delete(t.down, node)
	if _, _, err := t.cluster.AddNode(node, firstPort+int(node)); err != nil {
		return fmt.Errorf("proof: node %d: %w", node, err)
	}
	return nil
}

// member does something to a member, if it is still there.
func (t *trial) member(a action) error {
	t.mu.Lock()
	m := t.members[a.instance]
	t.mu.Unlock()
	switch {
	case a.act == join:
		return t.start(a.instance)
	case m == nil || !m.alive():
		return nil
	}
	switch a.act {
	case leave:
		m.leave()
	case kill:
		m.kill()
	case cutOff:
		t.log.Add(ledger.Event{Kind: ledger.Cut, Instance: a.instance, Note: a.String()})
		m.link.cut()
	case heal:
		if m.link.heal() {
			t.log.Add(ledger.Event{Kind: ledger.Healed, Instance: a.instance})
		}
	case snap:
		t.passing(a, "group")
		m.link.snap()
	default:
	}
	return nil
}
