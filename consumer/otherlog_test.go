package consumer

import (
	"context"
	"testing"
	"time"

	"github.com/weir-kafka/weir/consumer/internal/lane"
	"github.com/weir-kafka/weir/consumer/internal/offset"
	"github.com/weir-kafka/weir/sink"
)

// A log is cut while records of it are in flight. Their acknowledgements come late
// and are of another log: they say nothing of the records that have their places now.
func TestLateAcknowledgementsOfAnotherLogMarkNothing(t *testing.T) {
	for name, step := range map[string]int{"all at once": 4, "one by one": 1} {
		t.Run(name, func(t *testing.T) {
			c := &Consumer{now: time.Now, laneMode: lane.Keyed, stages: []*writeStage{{}}}
			p := newPartition(context.Background(), c, tp{"in", 0}, 1)
			p.push(records(0, 4, 1), 4)
			b, _ := p.take(newHand(c), 4, 1<<20)
			o := &b.outs[0]
			for i := range b.taken {
				b.states[i].handled, b.states[i].wait = true, 1
				o.msgs, o.recs = append(o.msgs, sink.Message{}), append(o.recs, int32(i))
			}
			o.seal()
			p.handled(b, 0)
			if r := p.push(records(0, 4, 2), 4); !r.reset {
				t.Fatal("a later epoch at an earlier offset is no reset")
			}
			for from := 0; from < 4; from += step {
				p.ack(o, from, from+step)
			}
			if got, want := p.tracker.Pending(), 4; got != want {
				t.Errorf("%d records of the new log are not done, want %d", got, want)
			}
			if m, ok := p.mark(); ok && m.next > 0 {
				t.Errorf("marks %d of the new log, want nothing", m.next)
			}
			if p.active != 0 || p.records != 4 {
				t.Errorf("%d records in flight and %d held, want 0 and 4", p.active, p.records)
			}
		})
	}
}

// What an earlier owner did is done in the log in which it did it, and in no other.
func TestACompletionMapEndsWithItsLog(t *testing.T) {
	c := &Consumer{now: time.Now, laneMode: lane.Keyed}
	earlier := newPartition(context.Background(), c, tp{"in", 0}, 1)
	earlier.push(records(0, 4, 1), 4)
	earlier.tracker.Done(0)
	earlier.tracker.Done(2)
	said, ok := earlier.mark()
	if !ok || said.metadata == "" {
		t.Fatalf("mark %+v, want one with a map", said)
	}
	for epoch, want := range map[int32]int{1: 1, 2: 0} {
		p := newPartition(context.Background(), c, tp{"in", 0}, 1)
		var err error
		if p.skip, err = offset.ParseMap(said.metadata, said.next); err != nil {
			t.Fatal(err)
		}
		if got := p.push(records(1, 3, epoch), 4).skipped; got != want {
			t.Errorf("epoch %d: %d records are skipped, want %d", epoch, got, want)
		}
		p.push(records(1, 3, epoch+1), 4) // the log is cut
		if got := p.skip.Count(); got != 0 {
			t.Errorf("the map still has %d records when the log was cut, want 0", got)
		}
	}
}
