package proof

import (
	"context"
	"fmt"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/weir-kafka/weir/integration/ledger"
)

// do injects one fault, if what it is for is there.
func (t *trial) do(ctx context.Context, a action) error {
	done, err := true, error(nil)
	switch a.act {
	case join, leave, kill, restart, crash, cutOff, heal, freeze, thaw, snap, jump:
		done, err = t.member(a)
	case behave:
		t.passing(a, ledger.ScopeSink)
		s := t.store
		if a.letters {
			s = t.letters
		}
		s.behave(a.mode, a.lasts)
	case flood:
		t.passing(a, ledger.ScopeSink)
		recs := t.writer.flood(a.count)
		t.background.Go(func() { t.fail(t.writer.send(ctx, t.writer.client, recs, ledger.Visible)) })
	case refuse:
		t.refuse(a)
	default:
		done, err = t.broker(ctx, a)
	}
	if done {
		t.faults[a.name()]++
	}
	return err
}

func (t *trial) refuse(a action) {
	t.answers[a.answer.name()]++
	t.log.Add(ledger.Event{Kind: ledger.Fault, Note: a.String(), Scope: "group"})
	h := t.cluster.Fault(kfake.Fault{
		Keys: []kmsg.Key{a.answer.key}, TopLevel: a.answer.top, Err: a.answer.err, Count: a.count,
		When: func(req kmsg.Request) bool { return callOf(req) == a.answer.call && !expires(req) },
	})
	t.mu.Lock()
	defer t.mu.Unlock()
	t.refusals = append(t.refusals, installed{a, h})
}

// passing notes a fault that ends by itself.
func (t *trial) passing(a action, scope string) {
	t.log.Add(ledger.Event{Kind: ledger.Fault, Note: a.String(), Scope: scope})
	time.AfterFunc(a.lasts+a.delay, func() { t.log.Add(ledger.Event{Kind: ledger.Clear, Note: a.String(), Scope: scope}) })
}

// broker does something to a broker, if it is there.
func (t *trial) broker(ctx context.Context, a action) (done bool, err error) {
	switch {
	case a.act == nodeDown && (t.down[a.node] || len(t.down) == nodes-1),
		a.act == nodeUp && !t.down[a.node],
		a.act == lead && t.down[a.node]:
		return false, nil
	}
	t.passing(a, "group")
	switch a.act {
	case nodeDown:
		if err := t.cluster.RemoveNode(a.node); err != nil {
			return false, fmt.Errorf("proof: node %d: %w", a.node, err)
		}
		t.down[a.node] = true
		t.wire.disconnect(a.node)
	case nodeUp:
		err = t.up(a.node)
	case stall, slow:
		t.wire.slow(a.node, a.delay, a.lasts)
	case lead:
		err = t.cluster.MoveTopicPartition(topic, a.part, a.node)
	case rehash:
		t.cluster.RehashCoordinators()
	case unreplied:
		t.wire.drop(a.call, a.count)
	case grow:
		t.grow(ctx, a.count)
	default:
		err = fmt.Errorf("proof: nobody knows how %q is done", a.act)
	}
	return true, err
}

func (t *trial) up(node int32) error {
	delete(t.down, node)
	if _, _, err := t.cluster.AddNode(node, firstPort+int(node)); err != nil {
		return fmt.Errorf("proof: node %d: %w", node, err)
	}
	return nil
}

// member does something to a member, if it is there.
func (t *trial) member(a action) (done bool, err error) {
	if a.act == join {
		return true, t.start(a.instance, a.instance)
	}
	m := t.current(a.instance)
	if m == nil || !m.alive() {
		return false, nil
	}
	note := ledger.Event{Instance: m.n, Note: a.String()}
	switch a.act {
	case leave:
		m.leave()
	case kill:
		m.kill()
	case restart, crash:
		t.restart(m, a)
	case cutOff, freeze:
		note.Kind = ledger.Cut
		t.log.Add(note)
		if a.act == freeze {
			m.link.freeze()
		} else {
			m.link.cut()
		}
	case heal, thaw:
		return m.heal(), nil
	case snap:
		t.passing(a, "group")
		m.link.snap()
	case jump:
		t.passing(a, ledger.ScopeSink)
		m.ahead.Add(int64(a.delay))
	default:
	}
	return true, nil
}

// restart ends a process, and begins another of the same name.
func (t *trial) restart(m *member, a action) {
	t.last++
	n := t.last
	if a.act == crash {
		m.kill()
	} else {
		m.leave()
	}
	t.background.Go(func() {
		if a.act == restart {
			<-m.done
		}
		time.Sleep(a.delay)
		t.fail(t.start(n, m.id))
	})
}

// hits is what the faults did, by kind.
func (t *trial) hits() map[string]int64 {
	hits := map[string]int64{}
	for _, r := range t.refusals {
		hits[r.action.name()] += int64(r.handle.Hits())
		hits[r.action.answer.name()] += int64(r.handle.Hits())
	}
	t.wire.mu.Lock()
	defer t.wire.mu.Unlock()
	for k, n := range t.wire.dropped {
		hits[action{act: unreplied, call: k}.name()] += n
	}
	for _, s := range []*store{t.store, t.letters} {
		for m, n := range s.calls {
			if m != fine {
				hits[action{act: behave, mode: m, letters: s.letters}.name()] += n
			}
		}
	}
	return hits
}
